// SPDX-License-Identifier: GPL-2.0
/*
 * This driver frees its vectors in a devres action that it registers before it allocates them, so
 * devres runs the action last.
 */
#include "evidence.h"

static void free_vectors(void *pdev)
{
	say((struct pci_dev *)pdev, "the action frees");
	pci_free_irq_vectors(pdev);
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = devm_add_action(&pdev->dev, free_vectors, pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	return edu_devm_request(pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Frees vectors after the MSI data is gone");
