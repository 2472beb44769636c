// SPDX-License-Identifier: GPL-2.0
/*
 * This driver allocates a second time, with any type, while a handler uses its MSI vector. Then it
 * frees what it takes for the second allocation.
 */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int irq, ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	irq = pci_irq_vector(pdev, 0);
	ret = request_irq(irq, edu_handler, 0, KBUILD_MODNAME, pdev);
	if (ret) {
		pci_free_irq_vectors(pdev);
		return ret;
	}
	pci_set_drvdata(pdev, (void *)(long)irq);

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	say(pdev, "the second allocation returns %d", ret);
	if (ret > 0)
		pci_free_irq_vectors(pdev);
	say(pdev, "MSI of the first is %s", pci_dev_msi_enabled(pdev) ? "on" : "off");
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	free_irq((long)pci_get_drvdata(pdev), pdev);
	pci_free_irq_vectors(pdev);
}

EDU_DRIVER("Allocates vectors twice");
