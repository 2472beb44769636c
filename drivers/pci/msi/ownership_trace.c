// SPDX-License-Identifier: GPL-2.0
/*
 * Trace events of the owner of a device's interrupt vectors.
 *
 * The rule in rust/kernel/pci/ownership.rs calls these functions. How many
 * vectors there are takes a mutex, hence is found out here, and only if
 * somebody wants to know.
 */

#include <linux/msi.h>

#include "ownership.h"

#define CREATE_TRACE_POINTS
#include "ownership_trace.h"

/* The descriptors are locked. */
static unsigned int count_vectors(struct pci_dev *dev)
{
	struct msi_desc *desc;
	unsigned int count = 0;

	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED)
		count += desc->nvec_used;
	return count;
}

/* Returns how many MSI or MSI-X vectors the device has. May sleep. */
unsigned int pci_irq_vectors_count(struct pci_dev *dev)
{
	if (!dev->msi_enabled && !dev->msix_enabled)
		return 0;

	guard(msi_descs_lock)(&dev->dev);
	return count_vectors(dev);
}

void pci_irq_vectors_trace_alloc(struct pci_dev *dev, enum pci_irq_owner owner, unsigned int count)
{
	trace_pci_irq_vectors_alloc(dev, owner, count);
}

void pci_irq_vectors_trace_claim(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_claim_enabled())
		trace_pci_irq_vectors_claim(dev, owner, pci_irq_vectors_count(dev));
}

/* The vector with interrupt @irq, or all of them if that is 0. */
void pci_irq_vectors_trace_free(struct pci_dev *dev, enum pci_irq_owner owner, unsigned int irq)
{
	if (trace_pci_irq_vectors_free_enabled())
		trace_pci_irq_vectors_free(dev, owner, irq ? 1 : pci_irq_vectors_count(dev));
}

/* All of them, while the descriptors are locked. */
void pci_irq_vectors_trace_free_locked(struct pci_dev *dev)
{
	bool guarded;

	trace_pci_irq_vectors_free(dev, pci_irq_vectors_owner(dev, &guarded), count_vectors(dev));
}

void pci_irq_vectors_trace_contain(struct pci_dev *dev, enum pci_irq_owner owner)
{
	if (trace_pci_irq_vectors_contain_enabled())
		trace_pci_irq_vectors_contain(dev, owner, pci_irq_vectors_count(dev));
}

void pci_irq_vectors_trace_refuse(struct pci_dev *dev, enum pci_irq_owner owner,
				  enum pci_irq_refusal reason)
{
	if (trace_pci_irq_vectors_refuse_enabled())
		trace_pci_irq_vectors_refuse(dev, owner, pci_irq_vectors_count(dev), reason);
}
