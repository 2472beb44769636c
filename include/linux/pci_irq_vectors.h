/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Managed PCI interrupt vectors: allocated by the driver, freed by the device.
 *
 * Included by linux/pci.h; do not include directly.
 */
#ifndef LINUX_PCI_IRQ_VECTORS_H
#define LINUX_PCI_IRQ_VECTORS_H

struct irq_affinity;

#ifdef CONFIG_PCI_DEVRES_RUST

/**
 * pcim_alloc_irq_vectors_affinity() - Allocate managed interrupt vectors with
 *				       affinity requirements
 * @dev:      the PCI device to operate on
 * @min_vecs: minimum required number of vectors (must be >= 1)
 * @max_vecs: maximum desired number of vectors
 * @flags:    allocation flags, as in pci_alloc_irq_vectors()
 * @affd:     affinity requirements (can be %NULL)
 *
 * This does what pci_alloc_irq_vectors_affinity() does and makes the device the
 * owner of the MSI or MSI-X vectors: they are freed on driver detach, after
 * every resource that the driver registered later with devres, and must not be
 * freed with pci_free_irq_vectors(). An INTx interrupt has no owner.
 *
 * With CONFIG_PCI_DEVRES_RUST it makes no difference whether and when the
 * device is enabled with pcim_enable_device(). Without that option the device
 * must have been enabled with it before.
 *
 * Context: Process context, may sleep.
 *
 * Return: number of allocated vectors (which might be smaller than @max_vecs)
 * or a negative errno, with which nothing is allocated:
 *
 * * %-EBUSY	vectors of the device are live, whoever owns them. Without
 *		CONFIG_PCI_DEVRES_RUST the MSI core warns and fails with
 *		%-EINVAL, or falls back to INTx if @flags allow it
 * * %-ENODEV	the driver is being detached; also from the MSI core
 * * %-ENOSPC	less than @min_vecs vectors are available
 * * %-EINVAL	the device or the system does not support the type, MSI is
 *		disabled, @max_vecs (for MSI also @min_vecs) is 0, or the device
 *		is not in D0; without CONFIG_PCI_DEVRES_RUST also if the device
 *		was not enabled with pcim_enable_device()
 * * %-EIO	the address of the message is one that the device cannot use
 * * %-ERANGE	@max_vecs is less than @min_vecs
 * * %-ENOTSUPP	the MSI domain does not support the type
 * * %-ENOMEM	no memory
 */
int pcim_alloc_irq_vectors_affinity(struct pci_dev *dev, unsigned int min_vecs,
				    unsigned int max_vecs, unsigned int flags,
				    struct irq_affinity *affd);

/**
 * pcim_free_irq_vectors() - Free managed interrupt vectors before detach
 * @dev: the PCI device to operate on
 *
 * This is for drivers that must allocate anew while bound, and whose interrupt
 * handlers are managed too. All other drivers leave the free to the device. The
 * call does nothing when there are no MSI or MSI-X vectors.
 *
 * With CONFIG_PCI_DEVRES_RUST the call is refused and reported when the driver
 * owns the vectors, when Rust code holds a guard of them or when a handler is
 * registered on one. The device is then kept from using the vectors until they
 * are freed. Without that option this is pci_free_irq_vectors().
 *
 * Context: Process context, may sleep. No handler may be registered on the
 * vectors.
 */
void pcim_free_irq_vectors(struct pci_dev *dev);

#else

/*
 * pcim_enable_device() decides who frees the vectors here. The call refuses a
 * device whose vectors would not be freed on driver detach.
 */
static inline int
pcim_alloc_irq_vectors_affinity(struct pci_dev *dev, unsigned int min_vecs,
				unsigned int max_vecs, unsigned int flags,
				struct irq_affinity *affd)
{
#ifdef CONFIG_PCI
	if (!pci_is_managed(dev))
		return -EINVAL;
#endif
	return pci_alloc_irq_vectors_affinity(dev, min_vecs, max_vecs, flags,
					      affd);
}

static inline void pcim_free_irq_vectors(struct pci_dev *dev)
{
	pci_free_irq_vectors(dev);
}

#endif /* CONFIG_PCI_DEVRES_RUST */

/**
 * pcim_alloc_irq_vectors() - Allocate managed interrupt vectors
 * @dev:      the PCI device to operate on
 * @min_vecs: minimum required number of vectors (must be >= 1)
 * @max_vecs: maximum desired number of vectors
 * @flags:    allocation flags, as in pci_alloc_irq_vectors()
 *
 * This is pcim_alloc_irq_vectors_affinity() without affinity requirements.
 *
 * Context: Process context, may sleep.
 *
 * Return: as pcim_alloc_irq_vectors_affinity().
 */
static inline int pcim_alloc_irq_vectors(struct pci_dev *dev,
					 unsigned int min_vecs,
					 unsigned int max_vecs,
					 unsigned int flags)
{
	return pcim_alloc_irq_vectors_affinity(dev, min_vecs, max_vecs, flags,
					       NULL);
}

#endif /* LINUX_PCI_IRQ_VECTORS_H */
