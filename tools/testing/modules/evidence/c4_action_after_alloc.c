// SPDX-License-Identifier: GPL-2.0
/*
 * This driver frees its vectors in a devres action that it registers after it has allocated them.
 */
#include "evidence.h"

static void free_vectors(void *pdev)
{
	pci_free_irq_vectors(pdev);
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	ret = devm_add_action_or_reset(&pdev->dev, free_vectors, pdev);
	if (ret)
		return ret;
	return edu_devm_request(pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Frees its vectors with devres");
