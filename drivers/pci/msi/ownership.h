/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The owner of a device's interrupt vectors: what the MSI core asks of it.
 *
 * The answers come from rust/kernel/pci/ownership.rs. With the option off all
 * of this compiles to nothing.
 */
#ifndef DRIVERS_PCI_MSI_OWNERSHIP_H
#define DRIVERS_PCI_MSI_OWNERSHIP_H

#include <linux/pci.h>

#ifdef CONFIG_PCI_DEVRES_RUST
int pci_irq_vectors_may_alloc(struct pci_dev *dev);
int pci_irq_vectors_track(struct pci_dev *dev);
bool pci_irq_vectors_may_free(struct pci_dev *dev);
#else
static inline int pci_irq_vectors_may_alloc(struct pci_dev *dev)
{
	return 0;
}

static inline int pci_irq_vectors_track(struct pci_dev *dev)
{
	return 0;
}

static inline bool pci_irq_vectors_may_free(struct pci_dev *dev)
{
	return true;
}
#endif /* CONFIG_PCI_DEVRES_RUST */

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_H */
