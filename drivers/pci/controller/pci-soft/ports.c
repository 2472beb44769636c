// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: root ports with hot-plug. Behind a port there is one
 * function, or none.
 *
 * A port has the registers that the port driver and pciehp need: a bus behind
 * it, one memory window, and a slot without power control, whose presence and
 * link change. It reports that by its MSI vector.
 */

#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/notifier.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>
#include <linux/unaligned.h>

#include "soft.h"

/* The vendor ID is assigned to nobody. */
static const struct pci_soft_desc port_desc = {
	.vendor = 0x50c0, .device = 1, .class = PCI_CLASS_BRIDGE_PCI_NORMAL,
	.express = true, .msi_vectors = 1,
};

/* --- Configuration space --- */

static void put(struct pci_soft_func *port, unsigned int at, u16 value, u16 writable, u16 clears)
{
	put_unaligned_le16(value, &port->reset[at]);
	put_unaligned_le16(writable, &port->writable[at]);
	put_unaligned_le16(clears, &port->write_1_clears[at]);
}

/* Turns the configuration space of an endpoint into that of a port. */
void soft_port_build(struct pci_soft_func *port)
{
	u32 slot = PCI_EXP_SLTCAP_HPS | PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_NCCS |
		   FIELD_PREP(PCI_EXP_SLTCAP_PSN, port->slot);
	unsigned int exp = port->exp;

	put(port, PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE, 0, 0);
	put(port, PCI_PRIMARY_BUS, 0, ~0, 0);
	put(port, PCI_SUBORDINATE_BUS, 0, 0xff, 0);
	put(port, PCI_SEC_STATUS, 0, 0, 0xf900);
	/* The window is closed. */
	put(port, PCI_MEMORY_BASE, 0xfff0, 0xfff0, 0);
	put(port, PCI_MEMORY_LIMIT, 0, 0xfff0, 0);
	put(port, PCI_BRIDGE_CONTROL, 0, ~0, 0);

	put(port, exp + PCI_EXP_FLAGS, PCI_EXP_FLAGS_SLOT | PCI_EXP_TYPE_ROOT_PORT << 4 | 2, 0, 0);
	put(port, exp + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER, 0, 0);
	put(port, exp + PCI_EXP_DEVCAP + 2, 0, 0, 0);
	put(port, exp + PCI_EXP_DEVCTL, 0, 0xffff & ~PCI_EXP_DEVCTL_BCR_FLR, 0);
	put(port, exp + PCI_EXP_LNKCAP, SOFT_LINK, 0, 0);
	put(port, exp + PCI_EXP_LNKCAP + 2, PCI_EXP_LNKCAP_DLLLARC >> 16, 0, 0);
	put(port, exp + PCI_EXP_LNKCTL, 0, ~0, 0);
	put(port, exp + PCI_EXP_SLTCAP, slot, 0, 0);
	put(port, exp + PCI_EXP_SLTCAP + 2, slot >> 16, 0, 0);
	put(port, exp + PCI_EXP_SLTCTL, 0, ~0, 0);
	put(port, exp + PCI_EXP_SLTSTA, 0, 0, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_DLLSC);
	put(port, exp + PCI_EXP_RTCTL, 0, ~0, 0);
}

/* Returns the function behind a port, or NULL. */
struct pci_soft_func *soft_behind(struct pci_soft_func *port)
{
	return port->is_port ? soft_funcs[SOFT_DEVICES + port->slot] : NULL;
}

/*
 * Obeys the control registers of a port after a change: a reset of the bus behind
 * it, and an interrupt when there is an event and there was none before.
 */
void soft_port_update(struct pci_soft_func *port)
{
	u16 status = soft_config_word(port, port->exp + PCI_EXP_SLTSTA);
	u16 control = soft_config_word(port, port->exp + PCI_EXP_SLTCTL);
	bool event = (status & PCI_EXP_SLTSTA_PDC && control & PCI_EXP_SLTCTL_PDCE) ||
		     (status & PCI_EXP_SLTSTA_DLLSC && control & PCI_EXP_SLTCTL_DLLSCE);
	struct pci_soft_func *behind = soft_behind(port);

	if (behind && behind->plugged &&
	    soft_config_word(port, PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_BUS_RESET)
		soft_reset(behind);

	event = event && control & PCI_EXP_SLTCTL_HPIE;
	if (event && !port->event) {
		port->events++;
		soft_raise(port, 0);
	}
	port->event = event;
}

/* Makes the link of a port go up or down, with a function that comes or goes. */
void soft_port_set_link(struct pci_soft_func *port, bool up)
{
	u8 *exp = &port->config[port->exp];
	u16 presence = PCI_EXP_SLTSTA_PDC | (up ? PCI_EXP_SLTSTA_PDS : 0);

	put_unaligned_le16(up ? PCI_EXP_LNKSTA_DLLLA | SOFT_LINK : 0, exp + PCI_EXP_LNKSTA);
	put_unaligned_le16(PCI_EXP_SLTSTA_DLLSC | presence, exp + PCI_EXP_SLTSTA);
	soft_port_update(port);
	soft_interrupts_update(port);
}

/* --- In the PCI core --- */

/* Gives a port a bus and a memory window, as the firmware of a machine does. */
int soft_port_open(struct pci_dev *pdev)
{
	struct resource *window = &pdev->resource[PCI_BRIDGE_MEM_WINDOW];
	struct pci_bus *bus = pdev->bus, *child;
	unsigned int last = bus->number;

	list_for_each_entry(child, &bus->children, node)
		last = max(last, child->busn_res.end);
	if (last >= bus->busn_res.end)
		return -ENOSPC;
	pci_scan_bridge(bus, pdev, last, 1);
	if (!pdev->subordinate)
		return -ENOMEM;

	resource_set_range(window, 0, SZ_1M);
	window->flags = IORESOURCE_MEM;
	if (!soft_find_room(&soft_window, window))
		return -ENOSPC;
	pci_write_config_word(pdev, PCI_MEMORY_BASE, window->start >> 16);
	pci_write_config_word(pdev, PCI_MEMORY_LIMIT, window->end >> 16);

	/* The port cannot wake the machine by PME, so it never sleeps. */
	pm_runtime_get_noresume(&pdev->dev);
	return 0;
}

/*
 * Whoever scans a bus behind a port, functions are prepared when their devices
 * are added. The lock of rescanning is held, without which none is freed.
 */
static int prepare(struct notifier_block *block, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct pci_soft_func *func;

	if (action != BUS_NOTIFY_ADD_DEVICE || pdev->bus->ops != &soft_config_ops ||
	    pci_is_root_bus(pdev->bus))
		return NOTIFY_DONE;
	scoped_guard(raw_spinlock_irqsave, &soft_lock)
		func = soft_funcs[SOFT_DEVICES + PCI_SLOT(pdev->bus->self->devfn)];
	/* A BAR without an address is left to the PCI core, which reports it. */
	if (func)
		soft_take_in(func, pdev);
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = prepare };

int soft_ports_init(void)
{
	return bus_register_notifier(&pci_bus_type, &notifier);
}

void soft_ports_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &notifier);
}

/* --- For tests --- */

/**
 * pci_soft_add_port - add a root port, to plug functions in behind
 *
 * The port has a slot with hot-plug, which is empty, and 1 MiB of the memory of
 * the bus for the BARs of one function. The kernel's port driver binds to it,
 * and pciehp. Without CONFIG_HOTPLUG_PCI_PCIE it is a root port whose slot
 * nobody watches: what changes there is noticed when the bus is scanned again,
 * or by pci_soft_remove(). May sleep.
 *
 * Return: the port, for pci_soft_remove(), or
 *	   ERR_PTR(-ENOSPC) if there is no room for one more, or
 *	   another error as of pci_soft_add().
 */
struct pci_soft_func *pci_soft_add_port(void)
{
	return soft_add(&port_desc, true, NULL);
}
EXPORT_SYMBOL_GPL(pci_soft_add_port);

/**
 * pci_soft_add_behind - plug in a function behind a root port
 * @port:	the port, from pci_soft_add_port()
 * @desc:	the description of the function
 *
 * The link goes up, and the port interrupts. The kernel finds the function some
 * 100 ms later, which pci_soft_settle() waits for, and a driver that matches
 * binds to it. The port has no I/O window, so I/O BARs get no address. May
 * sleep.
 *
 * Return: the function, for pci_soft_remove(), or
 *	   ERR_PTR(-EBUSY) if a function is behind the port that has not been
 *	   removed, even if it has been unplugged,
 *	   ERR_PTR(-EINVAL) if there can be no such function, or @port is not
 *	   from pci_soft_add_port(),
 *	   ERR_PTR(-ENOSPC) if its capabilities do not fit, or
 *	   ERR_PTR(-ENOMEM) without memory.
 */
struct pci_soft_func *pci_soft_add_behind(struct pci_soft_func *port,
					  const struct pci_soft_desc *desc)
{
	return port->is_port ? soft_add(desc, false, port) : ERR_PTR(-EINVAL);
}
EXPORT_SYMBOL_GPL(pci_soft_add_behind);

/**
 * pci_soft_settle - wait until the kernel has seen what changed behind a port
 * @port:	the port, from pci_soft_add_port()
 *
 * When this returns, the devices of functions that were plugged in behind the
 * port before have been added, and drivers have been bound to them. The devices
 * of those that were pulled out have been removed. If that makes a driver pull
 * the function out, the same holds for it. May sleep.
 */
void pci_soft_settle(struct pci_soft_func *port)
{
	int irq = pci_irq_vector(port->pdev, 0);
	unsigned int events;

	do {
		events = READ_ONCE(port->events);
		/* The handler of pciehp is a thread. */
		pci_soft_flush();
		if (irq > 0)
			synchronize_irq(irq);
	} while (events != READ_ONCE(port->events));
}
EXPORT_SYMBOL_GPL(pci_soft_settle);
