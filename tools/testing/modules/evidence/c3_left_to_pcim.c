// SPDX-License-Identifier: GPL-2.0
/*
 * This driver does what most drivers with pcim_enable_device() do: devres frees the interrupt, and
 * the code does not say who frees the vectors.
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
}

EDU_DRIVER("Leaves its vectors to pcim_enable_device()");
