// SPDX-License-Identifier: GPL-2.0
/*
 * This driver does the same as h1_free_in_remove.c in the error path of probe(), where devres has
 * not run either.
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
	ret = edu_devm_request(pdev);
	if (ret)
		goto free;

	/* A later step of probe() fails. */
	ret = -ENXIO;
free:
	pci_free_irq_vectors(pdev);
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Frees vectors under its handler when its probe fails");
