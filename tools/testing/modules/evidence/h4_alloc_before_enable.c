// SPDX-License-Identifier: GPL-2.0
/*
 * This driver leaves the vectors to pcim_enable_device(), but calls it after the allocation.
 */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);

	if (ret < 0)
		return ret;
	ret = pcim_enable_device(pdev);
	if (ret) {
		pci_free_irq_vectors(pdev);
		return ret;
	}
	return edu_devm_request(pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Allocates before it enables");
