// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for several buses is built without CONFIG_PCI as well, and a PCI driver without
 * CONFIG_PCI_MSI. This module checks that the calls exist then.
 */

#include <linux/module.h>
#include <linux/pci.h>

#if defined(CONFIG_PCI_MSI) || defined(CONFIG_PCI_DEVRES_RUST)
#error "This is to be built without PCI or without MSI, hence without the option."
#endif

/* This is never called, because there is no device. */
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
