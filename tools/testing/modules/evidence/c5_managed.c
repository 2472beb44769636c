// SPDX-License-Identifier: GPL-2.0
/* This is c3_left_to_pcim.c after conversion: the code says that the device frees the vectors. */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	return edu_devm_request(pdev);
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Leaves its vectors to the device, and says so");
