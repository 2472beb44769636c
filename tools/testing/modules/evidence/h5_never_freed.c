// SPDX-License-Identifier: GPL-2.0
/* This driver never frees its vectors. It uses MSI-X if the device has it. */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pci_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (ret < 0) {
		pci_disable_device(pdev);
		return ret;
	}
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}

EDU_DRIVER("Leaks its vectors");
