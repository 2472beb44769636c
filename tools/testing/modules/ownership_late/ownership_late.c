// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of QEMU's edu and e1000e that frees its vectors under their managed handlers, and stays
 * bound. Any interrupt after that is too late.
 */

#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

static bool late = true;
module_param(late, bool, 0644);
MODULE_PARM_DESC(late, "Whether it frees its vectors (default), or keeps them");

static bool managed;
module_param(managed, bool, 0644);
MODULE_PARM_DESC(managed, "Whether the device owns them, or the driver (default)");

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int i, n, ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	if (managed)
		n = pcim_alloc_irq_vectors(pdev, 1, 5, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	else
		n = pci_alloc_irq_vectors(pdev, 1, 5, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, i), handler, 0, "late", pdev);
		if (ret)
			return ret;
	}
	if (late)
		pci_free_irq_vectors(pdev);
	return 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10d3) },
	{ }
};

static struct pci_driver late_driver = {
	.name = "ownership_late",
	.id_table = ids,
	.probe = probe,
};
module_pci_driver(late_driver);

MODULE_DESCRIPTION("A driver that frees its vectors too early");
MODULE_LICENSE("GPL");
