/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface between the MSI core and rust/kernel/pci/ownership.rs, which
 * decides who frees the interrupt vectors of a device. Without
 * CONFIG_PCI_DEVRES_RUST the hooks are empty.
 */
#ifndef DRIVERS_PCI_MSI_OWNERSHIP_H
#define DRIVERS_PCI_MSI_OWNERSHIP_H

#include <linux/msi.h>
#include <linux/pci.h>

/* Who frees the vectors of a device. */
enum pci_irq_owner {
	PCI_IRQ_OWNER_NONE,	/* no vectors are live */
	PCI_IRQ_OWNER_DRIVER,
	PCI_IRQ_OWNER_DEVICE,
};

#ifdef CONFIG_PCI_DEVRES_RUST

/* What is decided about vectors. The last ones say why the owner refuses a call. */
enum pci_irq_decision {
	PCI_IRQ_ALLOCATED,
	PCI_IRQ_CLAIMED,	/* by the device, from a Rust guard */
	PCI_IRQ_FREED,
	PCI_IRQ_FREED_ONE,
	PCI_IRQ_CONTAINED,
	PCI_IRQ_REFUSED_BUSY,
	PCI_IRQ_REFUSED_DETACHING,
	PCI_IRQ_REFUSED_DEVICE_OWNS,
	PCI_IRQ_REFUSED_DRIVER_OWNS,
	PCI_IRQ_REFUSED_GUARD,
	PCI_IRQ_REFUSED_HANDLER,
};

/* The state of the vectors that were allocated last. All zero if none were. */
struct pci_irq_vectors_state {
	enum pci_irq_owner owner;
	bool guarded;	/* a Rust guard holds the vectors */
};

/* Implemented in rust/kernel/pci/ownership.rs, which documents them. */
int pci_irq_vectors_may_alloc(struct pci_dev *dev);
int pci_irq_vectors_may_add(struct pci_dev *dev);
int pci_irq_vectors_prepare(struct pci_dev *dev);
int pci_irq_vectors_did_alloc(struct pci_dev *dev, int nvecs, enum pci_irq_owner owner);
void pci_irq_vectors_free_of(struct pci_dev *dev, enum pci_irq_owner owner);
bool pci_irq_vectors_free_one(struct pci_dev *dev, unsigned int index);
struct pci_irq_vectors_state pci_irq_vectors_state(struct pci_dev *dev);

/* Describes a handler that was registered on a vector when it was looked for. */
struct pci_irq_handler {
	unsigned int irq;
	bool chained;
	void *dev_id;
	const void *action;	/* distinguishes handlers with the same dev_id */
	const void *function;
};

/* Implemented in ownership.c. */
bool pci_irq_handler_find(unsigned int irq, struct pci_irq_handler *found);
bool pci_irq_vectors_find_handler(struct pci_dev *dev, struct pci_irq_handler *found);
void pci_irq_handler_release(const struct pci_irq_handler *handler);
void pci_irq_handler_report_refused(struct pci_dev *dev, const struct pci_irq_handler *handler);
void pci_irq_handler_report_leaked(struct pci_dev *dev, const struct pci_irq_handler *handler);
void pci_irq_vectors_report(struct pci_dev *dev, enum pci_irq_decision decision);
void pci_irq_vectors_silence(struct pci_dev *dev);
void pci_irq_vectors_silence_one(struct pci_dev *dev, unsigned int irq);
void pci_irq_vectors_free(struct pci_dev *dev);
void pci_irq_vectors_set_node(struct pci_dev *dev, struct pci_irq_vectors *node);

/* Returns whether the device must not use its vectors, because a free was refused. */
static inline bool pci_irq_vectors_silenced(struct pci_dev *dev)
{
	return dev->msi_silenced;
}

/* Implemented in ownership_trace.c. */
void pci_irq_vectors_trace(struct pci_dev *dev, enum pci_irq_decision decision);
void pci_irq_vectors_did_add(struct pci_dev *dev);

#else

static inline int pci_irq_vectors_may_alloc(struct pci_dev *dev)
{
	return 0;
}

static inline int pci_irq_vectors_may_add(struct pci_dev *dev)
{
	return 0;
}

static inline int pci_irq_vectors_prepare(struct pci_dev *dev)
{
	return 0;
}

static inline int pci_irq_vectors_did_alloc(struct pci_dev *dev, int nvecs,
					    enum pci_irq_owner owner)
{
	return nvecs;
}

static inline void pci_irq_vectors_did_add(struct pci_dev *dev)
{
}

static inline void pci_irq_vectors_free_of(struct pci_dev *dev, enum pci_irq_owner owner)
{
}

static inline bool pci_irq_vectors_free_one(struct pci_dev *dev, unsigned int index)
{
	return true;
}

static inline bool pci_irq_vectors_silenced(struct pci_dev *dev)
{
	return false;
}

#endif /* CONFIG_PCI_DEVRES_RUST */

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_H */
