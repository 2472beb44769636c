// SPDX-License-Identifier: GPL-2.0
/*
 * Watches a device: its devres list by the devres_log event, its mappings by the events of vmalloc, its regions in
 * the resource trees, and its configuration space by replacing the operations of the bus.
 */

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "suite.h"

/* lib/iomap.c maps I/O ports to addresses that it can distinguish from memory. */
#define PORTS 0x10000UL

static struct pci_dev *watched;
static struct task_struct *watcher;

/* --- Regions ------------------------------------------------------------------------------------------------- */

/* Returns the first busy region at or below @res. The tree below it is not deep. */
static const struct resource *busy_below(const struct resource *res)
{
	const struct resource *child, *found;

	for (child = res->child; child; child = child->sibling) {
		if (child->flags & IORESOURCE_BUSY)
			return child;
		found = busy_below(child);
		if (found)
			return found;
	}
	return NULL;
}

/* Returns the region that holds @bar, wherever the case has moved it. */
static const struct resource *holder(struct pci_dev *pdev, int bar)
{
	const struct resource *res = &pdev->resource[bar], *found;

	if (!pci_resource_len(pdev, bar))
		return NULL;
	if (res->parent)
		return busy_below(res);
	for (found = resource_type(res) == IORESOURCE_IO ? ioport_resource.child : iomem_resource.child;
	     found; found = found->sibling)
		if (found->start == res->start && found->flags & IORESOURCE_BUSY)
			return found;
	return NULL;
}

unsigned int held(struct pci_dev *pdev)
{
	unsigned int mask = 0;
	int bar;

	for (bar = 0; bar < PCI_NUM_RESOURCES; bar++)
		if (holder(pdev, bar))
			mask |= BIT(bar);
	return mask;
}

/* --- Mappings ------------------------------------------------------------------------------------------------ */

static unsigned long mappings[64];

unsigned int mapped(void)
{
	unsigned int n = 0, i;

	for (i = 0; i < ARRAY_SIZE(mappings); i++)
		n += mappings[i] != 0;
	return n;
}

static bool replace(unsigned long old, unsigned long new)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mappings); i++)
		if (mappings[i] == old) {
			mappings[i] = new;
			return true;
		}
	return false;
}

static void on_map(void *data, unsigned long addr, unsigned long size, unsigned long align,
		   unsigned long vstart, unsigned long vend, int failed)
{
	if (current != watcher || failed)
		return;
	replace(0, addr);
	say("  maps %#lx, regions held: %#x", size, held(watched));
}

static unsigned int held_last;

unsigned int held_when_unmapped(void)
{
	return held_last;
}

static void on_unmap(void *data, unsigned long addr, unsigned long lazy, unsigned long most)
{
	if (current != watcher || !replace(addr, 0))
		return;
	held_last = held(watched);
	say("  unmaps, regions held: %#x", held_last);
}

int bar_at(struct pci_dev *pdev, const void __iomem *addr, u64 *offset)
{
	unsigned long at = (unsigned long)addr, type = IORESOURCE_MEM;
	const void *mem = (const void __force *)addr;
	struct page *page;
	u64 where;
	int bar;

	if (IS_ERR_OR_NULL(mem))
		return NOWHERE;
	if (at >= PORTS && at < 2 * PORTS) {
		type = IORESOURCE_IO;
		where = at - PORTS;
	} else {
		page = is_vmalloc_addr(mem) ? vmalloc_to_page(mem) : NULL;
		if (!page)
			return NOWHERE;
		where = PFN_PHYS(page_to_pfn(page)) + offset_in_page(at);
	}
	for (bar = 0; bar < PCI_NUM_RESOURCES; bar++) {
		const struct resource *res = &pdev->resource[bar];

		if (resource_type(res) == type && res->start && where >= res->start && where <= res->end) {
			*offset = where - res->start;
			return bar;
		}
	}
	return NOWHERE;
}

static void say_address(struct pci_dev *pdev, const char *before, const void __iomem *addr)
{
	u64 offset = 0;
	int bar = bar_at(pdev, addr, &offset);

	if (!addr)
		say("%sNULL", before);
	else if (IS_ERR((const void __force *)addr))
		say("%s%ld", before, PTR_ERR((const void __force *)addr));
	else if (bar == NOWHERE)
		say("%snowhere", before);
	else
		say("%sBAR %d + %#llx", before, bar, offset);
}

/* --- Entries ------------------------------------------------------------------------------------------------- */

size_t entries(struct pci_dev *pdev)
{
	return list_count_nodes(&pdev->dev.devres_head);
}

static void on_devres(void *data, struct device *dev, const char *op, void *node, const char *name, size_t size)
{
	if (current == watcher && dev == &watched->dev)
		say("  %s %s", op, name);
}

/* --- Configuration space ------------------------------------------------------------------------------------- */

static struct pci_ops *bus_ops, looking_on;
static bool with_mwi, without_cache_line;
static u16 mwi_bit;

void emulate_mwi(void)
{
	with_mwi = true;
}

void emulate_no_cache_line(void)
{
	without_cache_line = true;
}

static bool is_watched(struct pci_bus *bus, unsigned int devfn)
{
	return watched && bus == watched->bus && devfn == watched->devfn;
}

static int config_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	int ret = bus_ops->read(bus, devfn, where, size, val);

	if (!is_watched(bus, devfn))
		return ret;
	if (where == PCI_COMMAND && size > 1)
		*val |= mwi_bit;
	if (where == PCI_CACHE_LINE_SIZE && size == 1 && without_cache_line)
		*val = 0;
	return ret;
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	if (is_watched(bus, devfn)) {
		say("  config space: %#x = %#x", where, val);
		if (where == PCI_COMMAND && with_mwi)
			mwi_bit = val & PCI_COMMAND_INVALIDATE;
	}
	return bus_ops->write(bus, devfn, where, size, val);
}

u16 command(struct pci_dev *pdev)
{
	u16 val;

	pci_read_config_word(pdev, PCI_COMMAND, &val);
	return val;
}

/* --- All of it ----------------------------------------------------------------------------------------------- */

void show(struct pci_dev *pdev)
{
	int bar;

	say("state: command %#06x, enabled %d times, managed %d, pinned %d, %zu entries, %u mappings",
	    command(pdev), atomic_read(&pdev->enable_cnt), pdev->is_managed, pdev->pinned, entries(pdev),
	    mapped());
	for (bar = 0; bar < PCI_NUM_RESOURCES; bar++) {
		const struct resource *res = holder(pdev, bar);

		if (res)
			say("state: BAR %d is held by \"%s\"", bar, res->name);
	}
}

void show_table(struct pci_dev *pdev)
{
	void __iomem * const *table;
	char before[16];
	int bar;

	say("pcim_iomap_table()");
	table = pcim_iomap_table(pdev);
	for (bar = 0; table && bar < PCI_NUM_RESOURCES; bar++) {
		if (!table[bar])
			continue;
		snprintf(before, sizeof(before), "  [%d] = ", bar);
		say_address(pdev, before, table[bar]);
	}
}

void watch(struct pci_dev *pdev)
{
	memset(mappings, 0, sizeof(mappings));
	with_mwi = without_cache_line = false;
	mwi_bit = 0;
	watched = pdev;
	looking_on = *pdev->bus->ops;
	looking_on.read = config_read;
	looking_on.write = config_write;
	bus_ops = pci_bus_set_ops(pdev->bus, &looking_on);
	watcher = current;
}

void unwatch(void)
{
	watcher = NULL;
	pci_bus_set_ops(watched->bus, bus_ops);
	watched = NULL;
}

static struct {
	const char *name;
	void *probe;
	struct tracepoint *event;
} events[] = {
	{ "devres_log", on_devres },
	{ "alloc_vmap_area", on_map },
	{ "free_vmap_area_noflush", on_unmap },
};

static void find_event(struct tracepoint *event, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(event->name, events[i].name))
			events[i].event = event;
}

void watch_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i].event)
			tracepoint_probe_unregister(events[i].event, events[i].probe, NULL);
	tracepoint_synchronize_unregister();
}

int watch_init(void)
{
	unsigned int i;
	int ret = 0;

	for_each_kernel_tracepoint(find_event, NULL);
	for (i = 0; i < ARRAY_SIZE(events) && !ret; i++) {
		if (!events[i].event) {
			pr_err("devres_suite: no trace event %s\n", events[i].name);
			ret = -ENOENT;
		} else {
			ret = tracepoint_probe_register(events[i].event, events[i].probe, NULL);
		}
	}
	/* Unregistering does no harm if a probe was never registered. */
	if (ret)
		watch_exit();
	return ret;
}

/* --- The calls ----------------------------------------------------------------------------------------------- */

#define say_result(ret) ({ int __ret = (ret); say("  = %d", __ret); __ret; })

#define say_mapping(pdev, addr) ({ void __iomem *__addr = (addr); say_address(pdev, "  = ", __addr); __addr; })

void __iomem *iomap(struct pci_dev *pdev, int bar, unsigned long maxlen)
{
	say("pcim_iomap(%d, %#lx)", bar, maxlen);
	return say_mapping(pdev, pcim_iomap(pdev, bar, maxlen));
}

void __iomem *iomap_range(struct pci_dev *pdev, int bar, unsigned long offset, unsigned long len)
{
	say("pcim_iomap_range(%d, %#lx, %#lx)", bar, offset, len);
	return say_mapping(pdev, pcim_iomap_range(pdev, bar, offset, len));
}

void __iomem *iomap_region(struct pci_dev *pdev, int bar, const char *name)
{
	say("pcim_iomap_region(%d, \"%s\")", bar, name);
	return say_mapping(pdev, pcim_iomap_region(pdev, bar, name));
}

int iomap_regions(struct pci_dev *pdev, int mask, const char *name)
{
	say("pcim_iomap_regions(%#x, \"%s\")", mask, name);
	return say_result(pcim_iomap_regions(pdev, mask, name));
}

int request(struct pci_dev *pdev, int bar, const char *name)
{
	say("pcim_request_region(%d, \"%s\")", bar, name);
	return say_result(pcim_request_region(pdev, bar, name));
}

int request_all(struct pci_dev *pdev, const char *name)
{
	say("pcim_request_all_regions(\"%s\")", name);
	return say_result(pcim_request_all_regions(pdev, name));
}

void unmap(struct pci_dev *pdev, void __iomem *addr)
{
	say_address(pdev, "pcim_iounmap: ", addr);
	pcim_iounmap(pdev, addr);
}

void unmap_region(struct pci_dev *pdev, int bar)
{
	say("pcim_iounmap_region(%d)", bar);
	pcim_iounmap_region(pdev, bar);
}

int enable(struct pci_dev *pdev)
{
	say("pcim_enable_device()");
	return say_result(pcim_enable_device(pdev));
}

int intx(struct pci_dev *pdev, int on)
{
	say("pcim_intx(%d)", on);
	return say_result(pcim_intx(pdev, on));
}

int mwi(struct pci_dev *pdev)
{
	say("pcim_set_mwi()");
	return say_result(pcim_set_mwi(pdev));
}
