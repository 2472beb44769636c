// SPDX-License-Identifier: GPL-2.0
/*
 * Helpers for rust/kernel/pci/ownership.rs, which decides who frees the interrupt
 * vectors of a device, and the calls for managed vectors, which
 * include/linux/pci_irq_vectors.h documents.
 */

#include <linux/cleanup.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/msi.h>
#include <linux/rcupdate.h>

#include "../pci.h"
#include "msi.h"
#include "ownership.h"

int pcim_alloc_irq_vectors_affinity(struct pci_dev *dev, unsigned int min_vecs,
				    unsigned int max_vecs, unsigned int flags,
				    struct irq_affinity *affd)
{
	int nvecs = pci_irq_vectors_may_alloc(dev) ?:
		    __pci_alloc_irq_vectors_affinity(dev, min_vecs, max_vecs, flags, affd);

	return pci_irq_vectors_did_alloc(dev, nvecs, PCI_IRQ_OWNER_DEVICE);
}
EXPORT_SYMBOL(pcim_alloc_irq_vectors_affinity);

void pcim_free_irq_vectors(struct pci_dev *dev)
{
	if (dev)
		pci_irq_vectors_free_of(dev, PCI_IRQ_OWNER_DEVICE);
}
EXPORT_SYMBOL(pcim_free_irq_vectors);

/*
 * Sets the pointer to the node of the device, or clears it. The reader in
 * debugfs holds the lock while it uses the node.
 */
void pci_irq_vectors_set_node(struct pci_dev *dev, struct pci_irq_vectors *node)
{
	guard(spinlock_irqsave)(&dev->dev.devres_lock);
	WRITE_ONCE(dev->irq_vectors, node);
}

/* Fills in *@found and returns true if a handler is registered on @irq, which is a vector. */
bool pci_irq_handler_find(unsigned int irq, struct pci_irq_handler *found)
{
	struct irq_desc *desc = irq_to_desc(irq);
	struct irqaction *action;

	guard(raw_spinlock_irqsave)(&desc->lock);
	action = desc->action;
	if (!action)
		return false;

	*found = (struct pci_irq_handler) {
		.irq = irq,
		/* genirq refuses requests for the interrupt of a chained handler. */
		.chained = irq_check_status_bit(irq, IRQ_NOREQUEST),
		.dev_id = action->dev_id,
		.action = action,
		.function = action->thread_fn ?: action->handler,
	};
	if (found->chained)
		found->function = desc->handle_irq;
	return true;
}

/*
 * Finds a handler on the MSI or MSI-X vectors of a device, on the lowest first.
 * @dev must have MSI data. May sleep.
 */
bool pci_irq_vectors_find_handler(struct pci_dev *dev, struct pci_irq_handler *found)
{
	struct msi_desc *desc;
	unsigned int i;

	guard(msi_descs_lock)(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED) {
		for (i = 0; i < desc->nvec_used; i++)
			if (irq_has_action(desc->irq + i) &&
			    pci_irq_handler_find(desc->irq + i, found))
				return true;
	}
	return false;
}

/*
 * Releases a handler, and waits until it is not running. The affinity notifier
 * and hint go first, because genirq warns about them. The notifier is dropped
 * without calling its release function, because it may be part of the driver's
 * data, which may be freed by now. May sleep.
 */
void pci_irq_handler_release(const struct pci_irq_handler *handler)
{
#ifdef CONFIG_SMP
	struct irq_desc *desc = irq_to_desc(handler->irq);

	scoped_guard(raw_spinlock_irqsave, &desc->lock)
		desc->affinity_notify = NULL;
#endif
	irq_update_affinity_hint(handler->irq, NULL);

	if (!handler->chained) {
		free_irq(handler->irq, handler->dev_id);
		return;
	}
	irq_set_chained_handler_and_data(handler->irq, NULL, NULL);
	/* Flow handlers run with interrupts off, so a grace period waits for them. */
	synchronize_rcu();
}

/*
 * Prints a report. Tests and people look for these lines, so their wording is stable.
 * The stack of the caller follows once, until clear_warn_once in debugfs is written.
 */
#define report(pdev, format, ...) do {							\
	dev_err(&(pdev)->dev, "irq vectors: " format "\n", __VA_ARGS__);			\
	WARN_ON_ONCE(IS_ENABLED(CONFIG_PCI_DEVRES_RUST_DEBUG));				\
} while (0)

/*
 * Reports on a handler name its function. The name that it was registered with
 * may be part of the driver's data, which may be freed by now.
 */
void pci_irq_handler_report_refused(struct pci_dev *dev, const struct pci_irq_handler *handler)
{
	report(dev, "free refused, handler %ps is registered on irq %u",
	       handler->function, handler->irq);
}

void pci_irq_handler_report_leaked(struct pci_dev *dev, const struct pci_irq_handler *handler)
{
	report(dev, "handler %ps on irq %u leaked by the driver, released by devres",
	       handler->function, handler->irq);
}

static const char *type_of(struct pci_dev *dev)
{
	return dev->msix_enabled ? "MSI-X" : "MSI";
}

/*
 * Reports that a call about the vectors, which are live, was refused, or that the
 * driver leaked them. Handlers have reports of their own.
 */
void pci_irq_vectors_report(struct pci_dev *dev, enum pci_irq_decision decision)
{
	bool managed = pci_irq_vectors_state(dev).owner == PCI_IRQ_OWNER_DEVICE;

	switch (decision) {
	case PCI_IRQ_REFUSED_BUSY:
		report(dev, "allocation refused, the %s owns the %s vectors that are live",
		       managed ? "device" : "driver", type_of(dev));
		break;
	case PCI_IRQ_REFUSED_DEVICE_OWNS:
		report(dev, "free refused, the device owns the %s vectors until detach",
		       type_of(dev));
		break;
	case PCI_IRQ_REFUSED_DRIVER_OWNS:
		report(dev, "managed free refused, the driver owns the %s vectors",
		       type_of(dev));
		break;
	case PCI_IRQ_REFUSED_GUARD:
		report(dev, "managed free refused, a Rust guard stands for the %s vectors",
		       type_of(dev));
		break;
	case PCI_IRQ_CONTAINED:
		report(dev, "%s vectors leaked by the driver, freed by devres", type_of(dev));
		break;
	default:
		break;
	}
}

/*
 * Keeps the device from using its MSI or MSI-X vectors, until they are freed. This
 * writes only to configuration space, because the memory space of the device may be
 * disabled or powered down. A reset that restores the state of the device
 * meanwhile looks at msi_silenced under the same lock.
 *
 * An interrupt may be on its way to another CPU. genirq does not run the
 * handlers of a disabled interrupt, and disabling it waits for the hard handlers
 * that are running. A threaded handler that is awake already is not waited for,
 * since it may be the caller. May sleep.
 */
void pci_irq_vectors_silence(struct pci_dev *dev)
{
	struct msi_desc *desc;
	unsigned int i;

	guard(msi_descs_lock)(&dev->dev);
	if (dev->msi_enabled) {
		desc = msi_first_desc(&dev->dev, MSI_DESC_ASSOCIATED);
		/* A change of affinity rewrites the same register under the first lock. */
		guard(raw_spinlock_irqsave)(&irq_to_desc(desc->irq)->lock);
		guard(raw_spinlock)(&dev->msi_lock);
		dev->msi_silenced = 1;
		pci_msi_set_enable(dev, 0);
	} else {
		dev->msi_silenced = 1;
		pci_msix_clear_and_set_ctrl(dev, 0, PCI_MSIX_FLAGS_MASKALL);
	}

	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED) {
		for (i = 0; i < desc->nvec_used; i++)
			disable_hardirq(desc->irq + i);
	}
}

/*
 * Masks one MSI-X vector in the table, and disables its interrupt. A device that is
 * not in D0 gets the mask when its state is restored. May sleep.
 */
void pci_irq_vectors_silence_one(struct pci_dev *dev, unsigned int irq)
{
	struct msi_desc *desc;

	guard(msi_descs_lock)(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED) {
		if (desc->irq != irq)
			continue;
		/* The interrupt chip masks and unmasks under the same lock. */
		scoped_guard(raw_spinlock_irqsave, &irq_to_desc(irq)->lock) {
			if (dev->current_state == PCI_D0 && !pci_dev_is_disconnected(dev))
				pci_msix_mask(desc);
			else
				desc->pci.msix_ctrl |= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		}
		disable_hardirq(irq);
	}
}

/*
 * Disables MSI or MSI-X and frees the vectors, on which no handler may be
 * registered. This does not mask the entries of the MSI-X table, whose memory
 * space may be powered down at detach: genirq masked each entry when the last
 * handler of its vector was released, if the device was not silent. The next
 * allocation masks all entries before it uses any. May sleep.
 */
void pci_irq_vectors_free(struct pci_dev *dev)
{
	guard(msi_descs_lock)(&dev->dev);
	if (dev->msi_enabled) {
		pci_msi_shutdown(dev);
	} else {
		pci_msix_clear_and_set_ctrl(dev, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 0);
		pci_intx_for_msi(dev, 1);
		dev->msix_enabled = 0;
		pcibios_alloc_irq(dev);
	}
	dev->msi_silenced = 0;
	pci_free_msi_irqs(dev);
}
