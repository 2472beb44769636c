// SPDX-License-Identifier: GPL-2.0
/*
 * This driver allocates managed vectors and frees them a thousand times while it is bound. Detach
 * shows what that leaves in the device's list of resources.
 */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int round, ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	for (round = 0; round < 1000; round++) {
		ret = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
		if (ret < 0)
			return ret;
		pcim_free_irq_vectors(pdev);
	}
	say(pdev, "%d rounds", round);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
}

EDU_DRIVER("Allocates and frees a thousand times");
