// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of QEMU's edu that hangs in its probe, with vectors and with the lock of their
 * descriptors, until it is told to go on. No other device may wait for it.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>

static bool hang = true;
module_param(hang, bool, 0644);
MODULE_PARM_DESC(hang, "Whether the probe hangs (default), or goes on");

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);

	if (ret < 0)
		return ret;
	guard(msi_descs_lock)(&pdev->dev);
	while (READ_ONCE(hang))
		fsleep(10 * USEC_PER_MSEC);
	return 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver hang_driver = {
	.name = "ownership_hang",
	.id_table = ids,
	.probe = probe,
};
module_pci_driver(hang_driver);

MODULE_DESCRIPTION("A driver that hangs while it holds a device's MSI descriptors");
MODULE_LICENSE("GPL");
