// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI bus made of software, for tests: the host bridge, and adding and
 * removing functions. See include/linux/pci-soft.h.
 *
 * The bus exists while there are functions on it.
 */

#include <linux/cleanup.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/pci-ecam.h>
#include <linux/slab.h>

#include "soft.h"

/* Protects the list of functions and the state of each function. */
DEFINE_RAW_SPINLOCK(soft_lock);
struct pci_soft_func *soft_funcs[SOFT_SLOTS];

/* Serialises adding and removing functions. */
static DEFINE_MUTEX(bus_lock);
static unsigned int num_funcs;

static struct pci_host_bridge *bridge;
static struct resource busn = { .name = "PCI soft", .flags = IORESOURCE_BUS };
static struct resource ports = { .name = "PCI soft", .flags = IORESOURCE_IO };

/*
 * The architecture asks for data of a host bridge. There is none, as there is
 * no firmware.
 */
#ifdef CONFIG_X86
static struct pci_sysdata sysdata = { .node = NUMA_NO_NODE };
#else
static struct pci_config_window sysdata;
#endif

/*
 * Finds I/O ports that nobody uses. If there are none, functions have no I/O
 * BARs.
 */
static bool find_ports(void)
{
	resource_size_t start;

	for (start = 0xf000; start; start -= 0x1000) {
		if (!request_region(start, 0x1000, "PCI soft"))
			continue;
		release_region(start, 0x1000);
		ports.start = start;
		ports.end = start + 0xfff;
		return true;
	}
	return false;
}

/*
 * Gives the bus a domain of its own, or, if domains are not supported, a free
 * bus number.
 */
static int find_number(void)
{
	int number = 0, domain;

	if (IS_ENABLED(CONFIG_PCI_DOMAINS)) {
		/* ACPI cannot use numbers above this. */
		domain = pci_bus_find_emul_domain_nr(0, 0x10000, INT_MAX);
		if (domain < 0)
			return domain;
		/* The bridge frees it when it is released. */
		bridge->domain_nr = domain;
#ifdef CONFIG_X86
		sysdata.domain = domain;
#endif
	} else {
		/* The buses behind its ports come after it, so it comes after all others. */
		for (number = 0x100; number && !pci_find_bus(0, number - 1); number--)
			;
		if (number == 0x100)
			return -ENOSPC;
	}
	busn.start = number;
	busn.end = 0xff;
	bridge->busnr = number;
	return 0;
}

static int create_bridge(void)
{
	int ret;

	bridge = pci_alloc_host_bridge(0);
	if (!bridge)
		return -ENOMEM;
	pci_add_resource(&bridge->windows, &soft_window);
	if (find_ports())
		pci_add_resource(&bridge->windows, &ports);
	pci_add_resource(&bridge->windows, &busn);
	bridge->sysdata = &sysdata;
	bridge->ops = &soft_config_ops;
	dev_set_msi_domain(&bridge->dev, soft_messages_domain());
	ret = find_number();
	if (!ret)
		ret = pci_scan_root_bus_bridge(bridge);
	if (!ret)
		return 0;
	pci_free_host_bridge(bridge);
	return ret;
}

static int create_bus(void)
{
	int ret = soft_messages_init();

	if (ret)
		return ret;
	ret = soft_memory_init();
	if (ret)
		goto messages;
	ret = soft_ports_init();
	if (ret)
		goto memory;
	pci_lock_rescan_remove();
	ret = create_bridge();
	pci_unlock_rescan_remove();
	if (!ret)
		return 0;
	soft_ports_exit();
memory:
	soft_memory_exit();
messages:
	soft_messages_exit();
	return ret;
}

static void remove_bus(void)
{
	pci_lock_rescan_remove();
	pci_stop_root_bus(bridge->bus);
	pci_remove_root_bus(bridge->bus);
	pci_unlock_rescan_remove();
	pci_free_host_bridge(bridge);
	soft_ports_exit();
	soft_memory_exit();
	soft_messages_exit();
}

/*
 * Finds room for a BAR, or for the window of a port. allocate_resource() cannot
 * be used: on x86 it excludes memory that the firmware's memory map lists, and
 * the window is in such memory.
 */
bool soft_find_room(struct resource *window, struct resource *res)
{
	resource_size_t start, size = resource_size(res);

	for (start = ALIGN(window->start, size); start + size - 1 <= window->end; start += size) {
		resource_set_range(res, start, size);
		if (!request_resource(window, res))
			return true;
	}
	return false;
}

/* Assigns addresses to the BARs, as the firmware of a machine does. */
static int place_bars(struct pci_dev *pdev)
{
	struct pci_dev *port = pdev->bus->self;
	struct resource *res, *window;
	unsigned int i;
	u32 flags;
	int at;

	for (i = 0; i <= PCI_ROM_RESOURCE; i++) {
		res = &pdev->resource[i];
		if (!res->flags)
			continue;
		if (port)
			window = &port->resource[PCI_BRIDGE_MEM_WINDOW];
		else
			window = res->flags & IORESOURCE_IO ? &ports : &soft_window;
		/* Ports have no window for I/O. */
		if (port && res->flags & IORESOURCE_IO)
			continue;
		if (!soft_find_room(window, res))
			return -ENOSPC;
		res->flags &= ~IORESOURCE_UNSET;
		at = i == PCI_ROM_RESOURCE ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * i;
		flags = i == PCI_ROM_RESOURCE ? 0 : res->flags & PCI_REGION_FLAG_MASK;
		pci_write_config_dword(pdev, at, lower_32_bits(res->start) | flags);
		if (res->flags & IORESOURCE_MEM_64)
			pci_write_config_dword(pdev, at + 4, upper_32_bits(res->start));
	}
	return 0;
}

/* Prepares a function that the PCI core has found and that no driver has seen. */
int soft_take_in(struct pci_soft_func *func, struct pci_dev *pdev)
{
	struct pci_dev *before = func->pdev;
	int ret = place_bars(pdev);

	if (!ret && func->is_port)
		ret = soft_port_open(pdev);
	if (!ret && func->desc->intx)
		pdev->irq = soft_intx_map(func->slot);
	scoped_guard(raw_spinlock_irqsave, &soft_lock) {
		func->pdev = pci_dev_get(pdev);
		soft_registers_fill(func, 0);
		soft_registers_reset(func);
	}
	pci_dev_put(before);
	return ret;
}

/* Makes the PCI core find a function, and drivers bind to it. */
static int scan(struct pci_soft_func *func)
{
	struct pci_bus *bus = bridge->bus;
	struct pci_dev *pdev;
	int ret;

	pdev = pci_scan_single_device(bus, PCI_DEVFN(func->slot, 0));
	if (!pdev)
		return -ENODEV;
	ret = soft_take_in(func, pdev);
	if (ret) {
		pci_stop_and_remove_bus_device(pdev);
		return ret;
	}
	pci_bus_add_devices(bus);
	return 0;
}

static void free_func(struct pci_soft_func *func)
{
	scoped_guard(raw_spinlock_irqsave, &soft_lock)
		soft_funcs[func->slot] = NULL;
	pci_dev_put(func->pdev);
	kfree(func);
}

static int add(struct pci_soft_func *func)
{
	int ret = soft_config_build(func);

	if (ret)
		return ret;
	if (!num_funcs) {
		ret = create_bus();
		if (ret)
			return ret;
	}
	pci_lock_rescan_remove();
	scoped_guard(raw_spinlock_irqsave, &soft_lock) {
		soft_funcs[func->slot] = func;
		if (func->port)
			soft_port_set_link(func->port, true);
	}
	/* The hot-plug driver scans what is behind a port. */
	if (!func->port)
		ret = scan(func);
	pci_unlock_rescan_remove();
	if (ret && !num_funcs)
		remove_bus();
	return ret;
}

static int find_slot(struct pci_soft_func *func)
{
	if (func->port) {
		func->slot = SOFT_DEVICES + func->port->slot;
		return soft_funcs[func->slot] ? -EBUSY : 0;
	}
	while (func->slot < SOFT_DEVICES && soft_funcs[func->slot])
		func->slot++;
	return func->slot < SOFT_DEVICES ? 0 : -ENOSPC;
}

/* Adds a function to the bus, which may be a port, or behind a port. */
struct pci_soft_func *soft_add(const struct pci_soft_desc *desc, bool is_port,
			       struct pci_soft_func *port)
{
	struct pci_soft_func *func = kzalloc_flex(*func, rules, desc->num_rules);
	int ret;

	if (!func)
		return ERR_PTR(-ENOMEM);
	func->desc = desc;
	func->plugged = true;
	func->is_port = is_port;
	func->port = port;

	guard(mutex)(&bus_lock);
	ret = find_slot(func);
	if (ret) {
		kfree(func);
		return ERR_PTR(ret);
	}
	ret = add(func);
	if (ret) {
		free_func(func);
		return ERR_PTR(ret);
	}
	num_funcs++;
	return func;
}

/**
 * pci_soft_add - plug in a function
 * @desc:	its description
 *
 * The PCI core finds the function, and a driver that matches binds to it. May
 * sleep.
 *
 * Return: the function, or
 *	   ERR_PTR(-EINVAL) if there can be no such function,
 *	   ERR_PTR(-ENOSPC) if its capabilities do not fit, or there is no room
 *	   for one more function or for its BARs,
 *	   ERR_PTR(-ENOMEM) without memory, or
 *	   another error if there can be no bus: see memory_start.
 */
struct pci_soft_func *pci_soft_add(const struct pci_soft_desc *desc)
{
	return soft_add(desc, false, NULL);
}
EXPORT_SYMBOL_GPL(pci_soft_add);

static void discard(struct pci_soft_func *func)
{
	if (func->desc->intx)
		soft_intx_unmap(func->slot);
	free_func(func);
	num_funcs--;
}

/**
 * pci_soft_remove - remove a function
 * @func:	the function, from pci_soft_add(), pci_soft_add_port() or
 *		pci_soft_add_behind()
 *
 * The driver is detached first, and can use the function until then, unless it
 * has been unplugged. With a port goes the function behind it, in the same way;
 * no pointer to it is valid afterwards. May sleep.
 */
void pci_soft_remove(struct pci_soft_func *func)
{
	struct pci_soft_func *port = func->port, *behind;

	guard(mutex)(&bus_lock);
	scoped_guard(raw_spinlock_irqsave, &soft_lock) {
		behind = soft_behind(func);
		/* From now on the port does not report what happens to it. */
		if (behind)
			behind->port = NULL;
	}
	/*
	 * The hot-plug driver finishes first: its thread needs the lock of
	 * rescanning, and who unbinds it holds that lock and waits for the thread.
	 */
	if (port || func->is_port)
		pci_soft_settle(port ?: func);

	pci_lock_rescan_remove();
	if (func->pdev)
		pci_stop_and_remove_bus_device(func->pdev);
	scoped_guard(raw_spinlock_irqsave, &soft_lock) {
		soft_funcs[func->slot] = NULL;
		if (behind)
			soft_funcs[behind->slot] = NULL;
		if (port && func->plugged)
			soft_port_set_link(port, false);
	}
	pci_unlock_rescan_remove();
	if (port)
		pci_soft_settle(port);

	if (behind)
		discard(behind);
	discard(func);
	if (!num_funcs)
		remove_bus();
}
EXPORT_SYMBOL_GPL(pci_soft_remove);

static void pull_out(struct pci_soft_func *func)
{
	soft_registers_fill(func, 0xff);
	func->plugged = false;
	soft_interrupts_update(func);
}

/**
 * pci_soft_unplug - pull a function out without notice
 * @func:	the function
 *
 * From now on the function does not interrupt, and all reads return ~0. Nobody
 * is told: the driver notices, or pci_soft_remove() detaches it. If it is behind
 * a port, however, the link goes down, the port interrupts, and the kernel's
 * hot-plug driver detaches the driver and removes the device. With a port the
 * function behind it is pulled out, too. This can be called from any context.
 */
void pci_soft_unplug(struct pci_soft_func *func)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	if (!func->plugged)
		return;
	if (soft_behind(func))
		pull_out(soft_behind(func));
	pull_out(func);
	if (func->port)
		soft_port_set_link(func->port, false);
}
EXPORT_SYMBOL_GPL(pci_soft_unplug);

/**
 * pci_soft_dev - return the PCI device of a function
 * @func:	the function
 *
 * Return: the device, which the function has a reference to. Behind a port it is
 *	   NULL until the kernel has found the function.
 */
struct pci_dev *pci_soft_dev(struct pci_soft_func *func)
{
	return func->pdev;
}
EXPORT_SYMBOL_GPL(pci_soft_dev);

MODULE_DESCRIPTION("PCI bus made of software, for tests");
MODULE_LICENSE("GPL");
