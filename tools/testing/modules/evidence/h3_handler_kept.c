// SPDX-License-Identifier: GPL-2.0
/*
 * This driver never frees its interrupt, and the vectors are freed on driver detach all the same.
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
	return request_irq(pci_irq_vector(pdev, 0), edu_handler, 0, KBUILD_MODNAME, pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Leaves its handler registered");
