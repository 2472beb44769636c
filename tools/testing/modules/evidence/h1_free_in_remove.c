// SPDX-License-Identifier: GPL-2.0
/*
 * This driver requests its interrupt with devres, but frees the vector itself. remove() runs before
 * devres, so the handler is still registered.
 */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	return edu_devm_request(pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
}

EDU_DRIVER("Frees vectors under its handler when it is removed");
