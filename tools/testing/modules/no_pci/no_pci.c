// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for more than one bus is built for machines without PCI as well, and
 * a PCI driver for those without MSI: the calls are there.
 */

#include <linux/module.h>
#include <linux/pci.h>

#if defined(CONFIG_PCI_MSI) || defined(CONFIG_PCI_DEVRES_RUST)
#error "This is to be built without PCI or without MSI, hence without the option."
#endif

/* Never called: there is no device to call it with. */
int no_pci_probe(struct pci_dev *pdev);
int no_pci_probe(struct pci_dev *pdev)
{
	int ret = pcim_alloc_irq_vectors(pdev, 1, 1, 0);

	if (ret < 0)
		ret = pcim_alloc_irq_vectors_affinity(pdev, 1, 1, 0, NULL);
	pcim_free_irq_vectors(pdev);
	return ret;
}

MODULE_DESCRIPTION("The managed interrupt-vector calls without PCI or MSI");
MODULE_LICENSE("GPL");
