/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of the owner of a device's interrupt vectors.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM pci_irq_vectors

#if !defined(DRIVERS_PCI_MSI_OWNERSHIP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DRIVERS_PCI_MSI_OWNERSHIP_TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

#include "ownership.h"

TRACE_DEFINE_ENUM(PCI_IRQ_OWNER_NONE);
TRACE_DEFINE_ENUM(PCI_IRQ_OWNER_DRIVER);
TRACE_DEFINE_ENUM(PCI_IRQ_OWNER_DEVICE);

TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_BUSY);
TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_DETACHING);
TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_DEVICE_OWNS);
TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_DRIVER_OWNS);
TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_GUARD);
TRACE_DEFINE_ENUM(PCI_IRQ_REFUSED_HANDLER);

#define show_pci_irq_owner(owner)					\
	__print_symbolic(owner,						\
			 { PCI_IRQ_OWNER_NONE,   "none" },		\
			 { PCI_IRQ_OWNER_DRIVER, "driver" },		\
			 { PCI_IRQ_OWNER_DEVICE, "device" })

#define show_pci_irq_refusal(reason)					\
	__print_symbolic(reason,					\
			 { PCI_IRQ_REFUSED_BUSY,        "alloc-busy" },		\
			 { PCI_IRQ_REFUSED_DETACHING,   "alloc-detaching" },	\
			 { PCI_IRQ_REFUSED_DEVICE_OWNS, "free-device-owns" },	\
			 { PCI_IRQ_REFUSED_DRIVER_OWNS, "free-driver-owns" },	\
			 { PCI_IRQ_REFUSED_GUARD,       "free-rust-guard" },	\
			 { PCI_IRQ_REFUSED_HANDLER,     "free-handler" })

/* The types are the numbers of the capabilities: 5 is MSI, 17 is MSI-X. */
#define show_pci_irq_type(cap)						\
	__print_symbolic(cap, { 0, "none" }, { 5, "MSI" }, { 17, "MSI-X" })

#define pci_irq_type_of(dev)						\
	((dev)->msix_enabled ? PCI_CAP_ID_MSIX :			\
	 (dev)->msi_enabled ? PCI_CAP_ID_MSI : 0)

#define pci_irq_owner_of(dev)						\
	(pci_irq_type_of(dev) ? pci_irq_vectors_state(dev).owner : PCI_IRQ_OWNER_NONE)

DECLARE_EVENT_CLASS(pci_irq_vectors,
	TP_PROTO(struct pci_dev *dev, unsigned int count),
	TP_ARGS(dev, count),
	TP_STRUCT__entry(
		__string(device, pci_name(dev))
		__field(unsigned int, owner)
		__field(unsigned int, type)
		__field(unsigned int, count)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->type = pci_irq_type_of(dev);
		__entry->owner = pci_irq_owner_of(dev);
		__entry->count = count;
	),
	TP_printk("%s owner=%s type=%s count=%u", __get_str(device),
		  show_pci_irq_owner(__entry->owner),
		  show_pci_irq_type(__entry->type), __entry->count)
);

/* Vectors were allocated, or one was added to others, whose owner it has. */
DEFINE_EVENT(pci_irq_vectors, pci_irq_vectors_alloc,
	TP_PROTO(struct pci_dev *dev, unsigned int count),
	TP_ARGS(dev, count));

/* A Rust guard has given the vectors to the device. */
DEFINE_EVENT(pci_irq_vectors, pci_irq_vectors_claim,
	TP_PROTO(struct pci_dev *dev, unsigned int count),
	TP_ARGS(dev, count));

/* Vectors are about to be freed. */
DEFINE_EVENT(pci_irq_vectors, pci_irq_vectors_free,
	TP_PROTO(struct pci_dev *dev, unsigned int count),
	TP_ARGS(dev, count));

/* Vectors or handlers that the driver has leaked are about to be released. */
DEFINE_EVENT(pci_irq_vectors, pci_irq_vectors_contain,
	TP_PROTO(struct pci_dev *dev, unsigned int count),
	TP_ARGS(dev, count));

/* A call was refused. The vectors stay. */
TRACE_EVENT(pci_irq_vectors_refuse,
	TP_PROTO(struct pci_dev *dev, unsigned int count, unsigned int reason),
	TP_ARGS(dev, count, reason),
	TP_STRUCT__entry(
		__string(device, pci_name(dev))
		__field(unsigned int, owner)
		__field(unsigned int, type)
		__field(unsigned int, count)
		__field(unsigned int, reason)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->type = pci_irq_type_of(dev);
		__entry->owner = pci_irq_owner_of(dev);
		__entry->count = count;
		__entry->reason = reason;
	),
	TP_printk("%s owner=%s type=%s count=%u reason=%s", __get_str(device),
		  show_pci_irq_owner(__entry->owner),
		  show_pci_irq_type(__entry->type), __entry->count,
		  show_pci_irq_refusal(__entry->reason))
);

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE ownership_trace
#include <trace/define_trace.h>
