// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of the managed interrupt-vector calls, which ownership_rust.rs
 * defines. include/linux/pci_irq_vectors.h documents them.
 */

#include <linux/export.h>
#include <linux/pci.h>

EXPORT_SYMBOL(pcim_alloc_irq_vectors_affinity);
EXPORT_SYMBOL(pcim_free_irq_vectors);
