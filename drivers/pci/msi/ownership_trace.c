// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events of the owner of a device's interrupt vectors.
 *
 * The rule in rust/kernel/pci/ownership.rs records its decisions here. Vectors are
 * counted, which takes a mutex, only while the event is enabled.
 */

#include <linux/msi.h>

#include "ownership.h"

#define CREATE_TRACE_POINTS
#include "ownership_trace.h"

/* Returns how many MSI or MSI-X vectors the device has. May sleep. */
static unsigned int count_vectors(struct pci_dev *dev)
{
	struct msi_desc *desc;
	unsigned int count = 0;

	if (!dev->msi_enabled && !dev->msix_enabled)
		return 0;

	guard(msi_descs_lock)(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED)
		count += desc->nvec_used;
	return count;
}

/* Traces a decision: those to free and to contain before, the others after it is carried out. */
void pci_irq_vectors_trace(struct pci_dev *dev, enum pci_irq_decision decision)
{
	switch (decision) {
	case PCI_IRQ_ALLOCATED:
		if (trace_pci_irq_vectors_alloc_enabled())
			trace_pci_irq_vectors_alloc(dev, count_vectors(dev));
		break;
	case PCI_IRQ_CLAIMED:
		if (trace_pci_irq_vectors_claim_enabled())
			trace_pci_irq_vectors_claim(dev, count_vectors(dev));
		break;
	case PCI_IRQ_FREED:
		if (trace_pci_irq_vectors_free_enabled())
			trace_pci_irq_vectors_free(dev, count_vectors(dev));
		break;
	case PCI_IRQ_FREED_ONE:
		trace_pci_irq_vectors_free(dev, 1);
		break;
	case PCI_IRQ_CONTAINED:
		if (trace_pci_irq_vectors_contain_enabled())
			trace_pci_irq_vectors_contain(dev, count_vectors(dev));
		break;
	default:
		if (trace_pci_irq_vectors_refuse_enabled())
			trace_pci_irq_vectors_refuse(dev, count_vectors(dev), decision);
	}
}

/* Traces that one vector was added to others, whose owner it has. */
void pci_irq_vectors_did_add(struct pci_dev *dev)
{
	trace_pci_irq_vectors_alloc(dev, 1);
}
