// SPDX-License-Identifier: GPL-2.0
/*
 * What the owner of a device's interrupt vectors does to interrupts.
 *
 * The rule is in rust/kernel/pci/ownership.rs; everything it needs of genirq
 * and of the MSI core's internals is here.
 */

#include <linux/cleanup.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/radix-tree.h>
#include <linux/rcupdate.h>
#include <linux/sprintf.h>

#include "msi.h"
#include "ownership.h"
#include "ownership_trace.h"

/*
 * A chained handler takes the place of the flow handler. genirq refuses
 * requests for such an interrupt and has a nameless placeholder for an action.
 */
static bool is_chained(struct irq_desc *desc)
{
	return desc->status_use_accessors & IRQ_NOREQUEST;
}

/*
 * Fills in *@found and returns true if a handler is registered on @irq.
 *
 * The handler is named by its function: the name it was registered with may
 * belong to the driver's data, which may be gone by now. Its text is not.
 */
bool pci_irq_find_handler(unsigned int irq, struct pci_irq_handler *found)
{
	struct irq_desc *desc;

	guard(rcu)();
	desc = irq_to_desc(irq);
	if (!desc)
		return false;

	guard(raw_spinlock_irqsave)(&desc->lock);
	if (!desc->action)
		return false;

	found->irq = irq;
	found->chained = is_chained(desc);
	found->dev_id = desc->action->dev_id;
	found->action = desc->action;
	if (found->chained)
		snprintf(found->name, sizeof(found->name), "%ps", desc->handle_irq);
	else if (desc->action->thread_fn)
		snprintf(found->name, sizeof(found->name), "%ps", desc->action->thread_fn);
	else
		snprintf(found->name, sizeof(found->name), "%ps", desc->action->handler);
	return true;
}

/*
 * Tells whether a handler may be registered on a vector of a device. Most have
 * an interrupt domain of their own, which finds the descriptors of all; for the
 * others the answer is always yes. The lock of the MSI descriptors keeps that
 * domain, and what is in it, as it is.
 */
static bool any_handler(struct pci_dev *dev)
{
	struct irq_domain *domain = READ_ONCE(dev->irq_vectors_domain);
	struct radix_tree_iter iter;
	unsigned int left;
	void __rcu **slot;

	if (!domain || !irq_domain_is_msi_device(domain) || domain->revmap_size)
		return true;

	/* The tree is wider than what is in it: whoever has seen all stops. */
	left = domain->mapcount;
	radix_tree_for_each_slot(slot, &domain->revmap_tree, &iter, 0) {
		struct irq_data *data = rcu_dereference_raw(*slot);

		if (READ_ONCE(irq_data_to_desc(data)->action))
			return true;
		if (!--left)
			return false;
	}
	/* Whatever is not in the tree, for want of memory for it, may have one. */
	return left;
}

/* The same for sure, and which: the first on the lowest vector. The descriptors are locked. */
static noinline bool find_handler(struct pci_dev *dev, struct pci_irq_handler *found)
{
	struct msi_desc *desc;
	unsigned int i;

	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED) {
		for (i = 0; i < desc->nvec_used; i++)
			if (pci_irq_find_handler(desc->irq + i, found))
				return true;
	}
	return false;
}

/*
 * Finds a handler on the vectors of a device, on the lowest first. @dev must
 * have MSI data. May sleep.
 */
bool pci_irq_vectors_find_handler(struct pci_dev *dev, struct pci_irq_handler *found)
{
	guard(msi_descs_lock)(&dev->dev);
	return any_handler(dev) && find_handler(dev, found);
}

/* Has the device raise no more interrupts. May sleep. */
void pci_irq_vectors_quiesce(struct pci_dev *dev)
{
	guard(msi_descs_lock)(&dev->dev);
	pci_msi_shutdown(dev);
	pci_msix_shutdown(dev);
}

/*
 * Takes a handler away from its interrupt, and waits until it does not run.
 * What would make genirq complain about that goes first. May sleep.
 */
void pci_irq_release_handler(const struct pci_irq_handler *handler)
{
	irq_set_affinity_notifier(handler->irq, NULL);
	irq_update_affinity_hint(handler->irq, NULL);

	if (!handler->chained) {
		free_irq(handler->irq, handler->dev_id);
		return;
	}
	irq_set_chained_handler_and_data(handler->irq, NULL, NULL);
	/* Flow handlers run with interrupts off, which a grace period waits for. */
	synchronize_rcu();
}

/* The descriptors are locked. */
static void free_vectors(struct pci_dev *dev)
{
	if (dev->msi_enabled)
		pci_msi_shutdown(dev);
	else
		pci_msix_shutdown(dev);
	pci_free_msi_irqs(dev);
}

/*
 * Has the device raise no more interrupts and frees its vectors, on which no
 * handler may be registered. Asks nobody. May sleep.
 */
void pci_irq_vectors_free(struct pci_dev *dev)
{
	guard(msi_descs_lock)(&dev->dev);
	free_vectors(dev);
}

/* Frees the vectors as above and returns true, unless a handler is registered on one of them. */
bool pci_irq_vectors_free_unhandled(struct pci_dev *dev)
{
	struct pci_irq_handler found;

	guard(msi_descs_lock)(&dev->dev);
	if (any_handler(dev) && find_handler(dev, &found))
		return false;
	if (trace_pci_irq_vectors_free_enabled())
		pci_irq_vectors_trace_free_locked(dev);
	free_vectors(dev);
	return true;
}
