// SPDX-License-Identifier: GPL-2.0
/* This driver frees its vectors and allocates others while it is bound. */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	pci_free_irq_vectors(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	say(pdev, "the allocation after the free returns %d", ret);
	return ret < 0 ? ret : 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
}

EDU_DRIVER("Frees its vectors and allocates again");
