// SPDX-License-Identifier: GPL-2.0
/* This driver frees its vectors twice, and pcim_enable_device() would free them once more. */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	return ret < 0 ? ret : 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
	pci_free_irq_vectors(pdev);
}

EDU_DRIVER("Frees its vectors twice");
