/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The owner of a device's interrupt vectors: what the MSI core asks of it, and
 * what it needs of genirq.
 *
 * The answers come from rust/kernel/pci/ownership.rs. With the option off the
 * questions compile to nothing.
 */
#ifndef DRIVERS_PCI_MSI_OWNERSHIP_H
#define DRIVERS_PCI_MSI_OWNERSHIP_H

#include <linux/irq.h>
#include <linux/msi.h>
#include <linux/pci.h>

#ifdef CONFIG_PCI_DEVRES_RUST
int pci_irq_vectors_may_alloc(struct pci_dev *dev, bool more);
int pci_irq_vectors_track(struct pci_dev *dev);
void pci_irq_vectors_did_alloc(struct pci_dev *dev, unsigned int count, bool more);
bool pci_irq_vectors_may_free(struct pci_dev *dev, unsigned int irq);

/*
 * Told by irqdomain.c when a vector's message is written, as it is whenever one
 * is allocated: the interrupt domain of the vectors. It finds their handlers at
 * once if it is the device's own.
 */
static inline void pci_irq_vectors_domain(struct msi_desc *desc, struct irq_data *data)
{
	/* Also when the affinity changes, but then it is no other. */
	WRITE_ONCE(to_pci_dev(desc->dev)->irq_vectors_domain, data->domain);
}

/* Who frees the vectors of a device. */
enum pci_irq_owner {
	PCI_IRQ_OWNER_NONE,	/* there are none */
	PCI_IRQ_OWNER_DRIVER,
	PCI_IRQ_OWNER_DEVICE,
};

/* Why the owner refuses a call. */
enum pci_irq_refusal {
	PCI_IRQ_REFUSAL_BUSY,
	PCI_IRQ_REFUSAL_DETACHING,
	PCI_IRQ_REFUSAL_DEVICE_OWNS,
	PCI_IRQ_REFUSAL_DRIVER_OWNS,
	PCI_IRQ_REFUSAL_GUARD,
	PCI_IRQ_REFUSAL_HANDLER,
};

enum pci_irq_owner pci_irq_vectors_owner(struct pci_dev *dev, bool *guard);

/* A handler that somebody registered on a vector, as it was then. */
struct pci_irq_handler {
	unsigned int irq;
	bool chained;
	void *dev_id;
	const void *action;	/* which one, if several have the same dev_id */
	char name[64];
};

bool pci_irq_find_handler(unsigned int irq, struct pci_irq_handler *found);
bool pci_irq_vectors_find_handler(struct pci_dev *dev, struct pci_irq_handler *found);
void pci_irq_release_handler(const struct pci_irq_handler *handler);
void pci_irq_vectors_quiesce(struct pci_dev *dev);
void pci_irq_vectors_free(struct pci_dev *dev);
bool pci_irq_vectors_free_unhandled(struct pci_dev *dev);

void pci_irq_vectors_trace_alloc(struct pci_dev *dev, enum pci_irq_owner owner, unsigned int count);
void pci_irq_vectors_trace_claim(struct pci_dev *dev, enum pci_irq_owner owner);
void pci_irq_vectors_trace_free(struct pci_dev *dev, enum pci_irq_owner owner, unsigned int irq);
void pci_irq_vectors_trace_free_locked(struct pci_dev *dev);
void pci_irq_vectors_trace_contain(struct pci_dev *dev, enum pci_irq_owner owner);
void pci_irq_vectors_trace_refuse(struct pci_dev *dev, enum pci_irq_owner owner,
				  enum pci_irq_refusal reason);

unsigned int pci_irq_vectors_count(struct pci_dev *dev);
void pci_irq_vectors_publish(struct pci_dev *dev, struct pci_irq_vectors *node);
void pci_irq_vectors_withdraw(struct pci_dev *dev);
#else
/* A macro: an inline function is folded too late to leave its callers' code as it was. */
#define pci_irq_vectors_may_alloc(dev, more)	(0)

static inline int pci_irq_vectors_track(struct pci_dev *dev)
{
	return 0;
}

static inline void pci_irq_vectors_domain(struct msi_desc *desc, struct irq_data *data)
{
}

static inline void pci_irq_vectors_did_alloc(struct pci_dev *dev, unsigned int count,
					     bool more)
{
}

static inline bool pci_irq_vectors_may_free(struct pci_dev *dev, unsigned int irq)
{
	return true;
}
#endif /* CONFIG_PCI_DEVRES_RUST */

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_H */
