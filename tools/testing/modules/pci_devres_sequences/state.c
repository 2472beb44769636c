// SPDX-License-Identifier: GPL-2.0
/*
 * The state after a call: the device, its devres list, the regions in its BARs, the table of mappings, and the live mappings. A
 * mapping is named by the step that made it, never by its address.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "sequences.h"

/* This header needs the includes of pci.h. */
#include "base.h"

/* --- Mappings ------------------------------------------------------------------------------------------------------------ */

/* Each step maps at most one range of each BAR. */
static struct mapping mappings[MAX_STEPS * PCI_STD_NUM_BARS];
static int mapped;

/* Returns whether an address is the cookie of an I/O port, see lib/iomap.c. */
static bool is_port(const void __iomem *addr)
{
	return (unsigned long)addr < 0x40000;
}

static unsigned long pfn_of(const void __iomem *addr)
{
	struct page *page = vmalloc_to_page((__force const void *)addr);

	return page ? page_to_pfn(page) : 0;
}

/* Returns the mapping at an address. main.c takes care that addresses are not reused within a sequence; cookies of I/O ports are. */
static struct mapping *mapping_at(const void __iomem *addr)
{
	for (int i = 0; i < mapped; i++)
		if (mappings[i].addr == addr)
			return &mappings[i];
	return NULL;
}

struct mapping *mapping_add(struct pci_dev *pdev, void __iomem *addr, int step, int slot)
{
	struct mapping *mapping = mapping_at(addr);

	if (mapping || mapped == ARRAY_SIZE(mappings))
		return mapping;
	mapping = &mappings[mapped++];
	*mapping = (struct mapping){ .addr = addr, .step = step, .slot = slot };
	if (!is_port(addr))
		mapping->pfn = pfn_of(addr);
	return mapping;
}

struct mapping *mapping_of(int step)
{
	for (int i = 0; i < mapped; i++)
		if (mappings[i].step == step)
			return &mappings[i];
	return NULL;
}

bool mapping_is_live(const struct mapping *mapping)
{
	return is_port(mapping->addr) || (mapping->pfn && pfn_of(mapping->addr) == mapping->pfn);
}

/* Unmaps the raw mappings of one step, or of all steps for NOTHING. */
void mapping_unmap_raw(struct pci_dev *pdev, int step)
{
	for (int i = 0; i < mapped; i++) {
		struct mapping *mapping = &mappings[i];

		if (mapping->raw && (step == NOTHING || mapping->step == step)) {
			pci_iounmap(pdev, mapping->addr);
			mapping->raw = false;
		}
	}
}

/* --- Lines, of which only those are recorded that have changed ----------------------------------------------------------- */

enum line {
	DEVICE,
	LIST,
	TREE,
	TABLE,
	LIVE,
	LINES,
};

static const char *const titles[LINES] = { "device:", "list:", "tree:", "table:", "live:" };
static char lines[LINES][4096];
static char fresh[sizeof(lines[0])];
static size_t used;

static __printf(1, 2) void put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	used += vscnprintf(fresh + used, sizeof(fresh) - used, format, args);
	va_end(args);
}

static void put_mapping(const struct mapping *mapping)
{
	put(" #%d", mapping->step);
	if (mapping->slot >= 0)
		put(".%d", mapping->slot);
}

static void put_pci_device(struct pci_dev *pdev)
{
	put(" command=%04x enabled=%d managed=%d pinned=%d master=%d power=%s", record_command(),
	    atomic_read(&pdev->enable_cnt), pci_is_managed(pdev), pdev->pinned, pdev->is_busmaster,
	    pci_power_name(pdev->current_state));
}

/*
 * Entries are recorded by name, in their order. The size is recorded if both kernels keep the same data in the entry; the size of an
 * entry for a BAR depends on the implementation.
 */
static bool size_counts(const char *name)
{
	return strcmp(name, "pcim_addr_resource_release");
}

static bool has_table(struct pci_dev *pdev)
{
	return strstr(lines[LIST], " pcim_iomap_release");
}

static void put_list(struct pci_dev *pdev)
{
	struct devres_node *node;

	guard(spinlock_irqsave)(&pdev->dev.devres_lock);
	list_for_each_entry(node, &pdev->dev.devres_head, entry) {
		put(" %s", node->name ?: "unnamed");
		if (node->name && size_counts(node->name))
			put("(%zu)", node->size);
	}
}

/* Records what /proc/iomem and /proc/ioports show below the BARs. */
static void put_tree(struct pci_dev *pdev)
{
	for (int bar = 0; bar <= PCI_ROM_RESOURCE; bar++) {
		struct resource *res = pci_resource_n(pdev, bar);

		for (struct resource *child = res->child; child; child = child->sibling)
			put(" bar %d+%llx-%llx %s%s", bar, child->start - res->start, child->end - res->start,
			    child->name ?: "<BAD>", child->flags & IORESOURCE_BUSY ? "" : " (not busy)");
	}
}

/* Asking for a table that does not exist would create one. */
static void put_table(struct pci_dev *pdev, int step)
{
	void __iomem *const *table = has_table(pdev) ? pcim_iomap_table(pdev) : NULL;

	for (int bar = 0; table && bar < PCI_NUM_RESOURCES; bar++) {
		if (!table[bar])
			continue;
		put(" %d =", bar);
		put_mapping(mapping_add(pdev, table[bar], step, bar));
	}
}

static void put_live(void)
{
	for (int i = 0; i < mapped; i++)
		if (!is_port(mappings[i].addr) && mapping_is_live(&mappings[i]))
			put_mapping(&mappings[i]);
}

static void put_line(struct pci_dev *pdev, enum line line, int step)
{
	used = 0;
	fresh[0] = '\0';
	switch (line) {
	case DEVICE:
		put_pci_device(pdev);
		break;
	case LIST:
		put_list(pdev);
		break;
	case TREE:
		put_tree(pdev);
		break;
	case TABLE:
		put_table(pdev, step);
		break;
	case LIVE:
		put_live();
		break;
	default:
		break;
	}
}

void state_record(struct pci_dev *pdev, int step)
{
	for (int line = 0; line < LINES; line++) {
		put_line(pdev, line, step);
		if (!strcmp(fresh, lines[line]))
			continue;
		record("    %-7s%s\n", titles[line], used ? fresh : " nothing");
		strscpy(lines[line], fresh);
	}
}

void state_begin(struct pci_dev *pdev)
{
	mapped = 0;
	memset(lines, 0, sizeof(lines));
	for (int line = 0; line < LINES; line++) {
		put_line(pdev, line, NOTHING);
		strscpy(lines[line], fresh);
	}
}

static const char *in_bar(struct pci_dev *pdev, const struct mapping *mapping, char *to, size_t size)
{
	resource_size_t at = (resource_size_t)mapping->pfn << PAGE_SHIFT | offset_in_page(mapping->addr);
	unsigned long flag = IORESOURCE_MEM;

	if (is_port(mapping->addr)) {
		at = (unsigned long)mapping->addr & 0xffff;
		flag = IORESOURCE_IO;
	}
	for (int bar = 0; bar <= PCI_ROM_RESOURCE; bar++) {
		struct resource *res = pci_resource_n(pdev, bar);

		if (res->flags & flag && resource_size(res) && at >= res->start && at <= res->end) {
			snprintf(to, size, "bar %d+%llx", bar, at - res->start);
			return to;
		}
	}
	return "no BAR";
}

void mapping_record(struct pci_dev *pdev, const struct mapping *mapping)
{
	char where[32];
	int pages = 0;

	if (!mapping) {
		record("more than %zu mappings", ARRAY_SIZE(mappings));
		return;
	}
	while (!is_port(mapping->addr) && pages < 1024 &&
	       pfn_of(mapping->addr + pages * PAGE_SIZE) == mapping->pfn + pages)
		pages++;
	record("#%d, %s", mapping->step, in_bar(pdev, mapping, where, sizeof(where)));
	if (pages)
		record(", %d pages", pages);
}

/* --- Groups -------------------------------------------------------------------------------------------------------------- */

/* drivers/base/devres.c has the same beginning of its structure. */
struct devres_group {
	struct devres_node node[2];
	void *id;
};

/* Returns the newest group of that id, or the newest open one for NULL. */
enum group state_group(struct pci_dev *pdev, const void *id)
{
	struct devres_node *node;

	guard(spinlock_irqsave)(&pdev->dev.devres_lock);
	list_for_each_entry_reverse(node, &pdev->dev.devres_head, entry) {
		struct devres_group *group = container_of(node, struct devres_group, node[0]);
		bool open;

		if (strcmp(node->name, "grp<"))
			continue;
		open = list_empty(&group->node[1].entry);
		if (id ? group->id == id : open)
			return open ? OPEN_GROUP : CLOSED_GROUP;
	}
	return NO_GROUP;
}

/* --- After detach -------------------------------------------------------------------------------------------------------- */

static bool has(const struct sequence *sequence, u64 keep, enum call call)
{
	for (int at = 0; at < sequence->count; at++)
		if (keep & BIT_ULL(at) && sequence->steps[at].call == call)
			return true;
	return false;
}

static bool pins(const struct sequence *sequence, u64 keep)
{
	for (int at = 0; at < sequence->count; at++)
		if (keep & BIT_ULL(at) && (sequence->steps[at].call == PIN_DEVICE ||
		    (sequence->steps[at].call == DEVM_ADD_ACTION && sequence->steps[at].action == ACTION_PIN)))
			return true;
	return false;
}

/* A failed read of the command word has all its bits set, and so may be what is written back. */
static bool spoils_command(const struct sequence *sequence, u64 keep)
{
	for (int at = 0; at < sequence->count; at++)
		if (keep & BIT_ULL(at) && sequence->steps[at].fault == FAULT_COMMAND)
			return true;
	return false;
}

static bool clean(const char *what, bool is)
{
	if (!is)
		record("    left behind: %s\n", what);
	return is;
}

/*
 * Returns whether everything is as it was, except for the effects of unmanaged calls. A live mapping that the driver did not make by
 * an unmanaged call is a leak.
 */
bool state_is_clean(struct pci_dev *pdev, const struct sequence *sequence, u64 keep)
{
	u16 command = record_command();
	bool is = true;

	is &= clean("devres entries", list_empty(&pdev->dev.devres_head));
	is &= clean("is_managed", !pci_is_managed(pdev));
	if (!pins(sequence, keep))
		is &= clean("enabled", atomic_read(&pdev->enable_cnt) == around_enabled());
	if (!has(sequence, keep, PCI_INTX) && !spoils_command(sequence, keep))
		is &= clean("INTx disabled", !(command & PCI_COMMAND_INTX_DISABLE));
	if (!has(sequence, keep, PCI_SET_MWI) && !spoils_command(sequence, keep))
		is &= clean("memory-write-invalidate", !(command & PCI_COMMAND_INVALIDATE));
	if (!has(sequence, keep, PCI_REQUEST_REGION))
		for (int bar = 0; bar <= PCI_ROM_RESOURCE; bar++)
			is &= clean("a region", !pci_resource_n(pdev, bar)->child);
	for (int i = 0; i < mapped; i++)
		if (!is_port(mappings[i].addr) && !mappings[i].raw)
			is &= clean("a mapping", !mapping_is_live(&mappings[i]));
	return is;
}
