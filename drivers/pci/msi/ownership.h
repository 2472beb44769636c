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

#include <linux/pci.h>

#ifdef CONFIG_PCI_DEVRES_RUST
int pci_irq_vectors_may_alloc(struct pci_dev *dev, bool more);
int pci_irq_vectors_track(struct pci_dev *dev);
bool pci_irq_vectors_may_free(struct pci_dev *dev, unsigned int irq);

/* A handler that somebody registered on a vector, as it was then. */
struct pci_irq_handler {
	unsigned int irq;
	bool chained;
	void *dev_id;
	char name[64];
};

bool pci_irq_find_handler(unsigned int irq, struct pci_irq_handler *found);
bool pci_irq_vectors_find_handler(struct pci_dev *dev, struct pci_irq_handler *found);
void pci_irq_vectors_quiesce(struct pci_dev *dev);
void pci_irq_release_handler(const struct pci_irq_handler *handler);
void pci_irq_vectors_drop(struct pci_dev *dev);
#else
/* A macro: an inline function is folded too late to leave its callers' code as it was. */
#define pci_irq_vectors_may_alloc(dev, more)	(0)

static inline int pci_irq_vectors_track(struct pci_dev *dev)
{
	return 0;
}

static inline bool pci_irq_vectors_may_free(struct pci_dev *dev, unsigned int irq)
{
	return true;
}
#endif /* CONFIG_PCI_DEVRES_RUST */

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_H */
