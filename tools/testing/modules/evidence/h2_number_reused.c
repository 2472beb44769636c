// SPDX-License-Identifier: GPL-2.0
/*
 * This driver does the same as h1_free_in_remove.c with two devices: before devres frees the
 * interrupt of the first one, the second one gets its number.
 */
#include "evidence.h"

static struct pci_dev *first, *second;
static int irq_of_second;

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	if (first && first != pdev) {
		second = pdev;
		return 0;
	}
	first = pdev;
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	say(pdev, "first device has irq %d", pci_irq_vector(pdev, 0));
	return edu_devm_request(pdev);
}

static void second_starts(void)
{
	if (pci_alloc_irq_vectors(second, 1, 1, PCI_IRQ_MSI) < 0)
		return;
	irq_of_second = pci_irq_vector(second, 0);
	if (request_irq(irq_of_second, edu_handler, 0, KBUILD_MODNAME, second)) {
		irq_of_second = 0;
		return;
	}
	say(second, "second device has irq %d", irq_of_second);
}

static void edu_remove(struct pci_dev *pdev)
{
	if (pdev == first) {
		pci_free_irq_vectors(pdev);
		if (second && !irq_of_second)
			second_starts();
		return;
	}
	if (irq_of_second)
		free_irq(irq_of_second, pdev);
	pci_free_irq_vectors(pdev);
}

EDU_DRIVER("Frees the interrupt of another device");
