// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events of the owner of a device's interrupt vectors.
 *
 * The rule in rust/kernel/pci/ownership.rs calls these functions. They count
 * the vectors, which takes a mutex, only while the event is enabled.
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

void pci_irq_vectors_trace_alloc(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_alloc_enabled())
		trace_pci_irq_vectors_alloc(dev, owner, count_vectors(dev));
}

/* Traces that one vector was added to the others. */
void pci_irq_vectors_trace_add(struct pci_dev *dev, enum pci_irq_owner owner)
{
	trace_pci_irq_vectors_alloc(dev, owner, 1);
}

void pci_irq_vectors_trace_claim(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_claim_enabled())
		trace_pci_irq_vectors_claim(dev, owner, count_vectors(dev));
}

void pci_irq_vectors_trace_free(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_free_enabled())
		trace_pci_irq_vectors_free(dev, owner, count_vectors(dev));
}

/* Traces that one of several vectors is about to be freed. */
void pci_irq_vectors_trace_free_one(struct pci_dev *dev, enum pci_irq_owner owner)
{
	trace_pci_irq_vectors_free(dev, owner, 1);
}

void pci_irq_vectors_trace_contain(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_contain_enabled())
		trace_pci_irq_vectors_contain(dev, owner, count_vectors(dev));
}

void pci_irq_vectors_trace_refuse(struct pci_dev *dev, enum pci_irq_owner owner,
				  enum pci_irq_refusal reason)
{
	if (trace_pci_irq_vectors_refuse_enabled())
		trace_pci_irq_vectors_refuse(dev, owner, count_vectors(dev), reason);
}
