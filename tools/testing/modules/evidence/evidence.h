/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The drivers of the evidence share this. Each binds to QEMU's edu, which has one MSI vector and
 * INTx, or to its e1000e, which has MSI-X, and differs from the others in its probe() and remove().
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

/* Kernels without this project only have the implicit managed allocation. */
#if defined(RULE_OF_2026)
int pcim_alloc_irq_vectors(struct pci_dev *dev, unsigned int min_vecs,
			   unsigned int max_vecs, unsigned int flags);
#elif !defined(LINUX_PCI_IRQ_VECTORS_H)
#define pcim_alloc_irq_vectors pci_alloc_irq_vectors
#endif
#ifndef LINUX_PCI_IRQ_VECTORS_H
#define pcim_free_irq_vectors pci_free_irq_vectors
#endif

/* Every line of a driver that the report quotes begins with this. */
#define say(pdev, format, ...) pci_info(pdev, "evidence: " format "\n", ##__VA_ARGS__)

static irqreturn_t __maybe_unused edu_handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Requests vector 0 with devres. */
static int __maybe_unused edu_devm_request(struct pci_dev *pdev)
{
	return devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), edu_handler, 0,
				KBUILD_MODNAME, pdev);
}

#define EDU_DRIVER(what)							\
	static const struct pci_device_id edu_ids[] = {				\
		{ PCI_DEVICE(0x1234, 0x11e8) },					\
		{ PCI_DEVICE(0x8086, 0x10d3) },					\
		{ }								\
	};									\
	static struct pci_driver edu_driver = {					\
		.name = KBUILD_MODNAME,						\
		.id_table = edu_ids,						\
		.probe = edu_probe,						\
		.remove = edu_remove,						\
	};									\
	module_pci_driver(edu_driver);						\
	MODULE_DESCRIPTION(what);						\
	MODULE_LICENSE("GPL")
