// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: the memory of its functions where each access is
 * trapped. That is the case in User Mode Linux.
 */

#include <linux/logic_iomem.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "soft.h"

struct resource soft_window = {
	.name	= "PCI soft",
	.start	= 0xa0000000,
	.end	= 0xa0000000 + SZ_4M - 1,
	.flags	= IORESOURCE_MEM,
};

/* The words around the last register are also read. */
static u8 memory[SZ_4M + 4];

u32 soft_memory_read(u32 at)
{
	return get_unaligned_le32(&memory[at]);
}

void soft_memory_write(u32 at, u32 value)
{
	put_unaligned_le32(value, &memory[at]);
}

void soft_memory_fill(u32 at, u8 value, size_t size)
{
	memset(&memory[at], value, size);
}

/* The register that is accessed. */
struct place {
	struct pci_soft_func *func;
	u8 bar;
	u32 offset;
};

/* Returns whether a function responds to the addresses of one of its BARs. */
static bool decodes(struct pci_soft_func *func, u8 bar)
{
	unsigned int at = bar == PCI_ROM_RESOURCE ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
	u32 base = get_unaligned_le32(&func->config[at]);

	if (!(soft_config_word(func, PCI_COMMAND) & PCI_COMMAND_MEMORY))
		return false;
	if (bar == PCI_ROM_RESOURCE && !(base & PCI_ROM_ADDRESS_ENABLE))
		return false;
	return (base & get_unaligned_le32(&func->writable[at]) & PCI_BASE_ADDRESS_MEM_MASK) ==
	       (lower_32_bits(func->pdev->resource[bar].start) & PCI_BASE_ADDRESS_MEM_MASK);
}

/*
 * Returns whether a function is not behind a port, or the port forwards accesses
 * to an address.
 */
static bool is_reached(struct pci_soft_func *func, u32 address)
{
	struct pci_soft_func *port = func->port;

	if (!port)
		return true;
	return soft_config_word(port, PCI_COMMAND) & PCI_COMMAND_MEMORY &&
	       address >> 16 >= soft_config_word(port, PCI_MEMORY_BASE) &&
	       address >> 16 <= (soft_config_word(port, PCI_MEMORY_LIMIT) | 0xf);
}

static bool find(u32 at, struct place *place)
{
	resource_size_t address = soft_window.start + at;
	unsigned int slot, bar;

	for (slot = 0; slot < SOFT_SLOTS; slot++) {
		struct pci_soft_func *func = soft_funcs[slot];

		if (!func || !func->pdev || !soft_is_on(func) || !is_reached(func, address))
			continue;
		for (bar = 0; bar <= PCI_ROM_RESOURCE; bar++) {
			const struct resource *res = &func->pdev->resource[bar];

			if (!(res->flags & IORESOURCE_MEM) || address < res->start ||
			    address > res->end || !decodes(func, bar))
				continue;
			*place = (struct place) { func, bar, address - res->start };
			return true;
		}
	}
	return false;
}

static unsigned long trapped_read(void *unused, unsigned int at, int size)
{
	unsigned long value = 0;
	struct place place;
	unsigned int i;

	guard(raw_spinlock_irqsave)(&soft_lock);
	if (!find(at, &place))
		return ~0UL;
	for (i = place.offset & ~3; i < place.offset + size; i += 4)
		soft_register_is_read(place.func, place.bar, i);
	memcpy(&value, &memory[at], size);
	return value;
}

static void trapped_write(void *unused, unsigned int at, int size, unsigned long value)
{
	u32 old[2], new[2] = { 0 }, lanes[2] = { 0 };
	unsigned int i, skew = at & 3;
	struct place place;

	guard(raw_spinlock_irqsave)(&soft_lock);
	if (!find(at, &place))
		return;
	memcpy(old, &memory[at - skew], sizeof(old));
	memcpy((u8 *)new + skew, &value, size);
	memset((u8 *)lanes + skew, 0xff, size);
	memcpy(&memory[at], &value, size);
	for (i = 0; 4 * i < skew + size; i++)
		soft_register_was_written(place.func, place.bar, place.offset - skew + 4 * i,
					  old[i], new[i], lanes[i]);
	soft_interrupts_update(place.func);
}

static const struct logic_iomem_ops ops = {
	.read = trapped_read,
	.write = trapped_write,
};

static long map(unsigned long at, size_t size, const struct logic_iomem_ops **found, void **priv)
{
	*found = &ops;
	return at;
}

static const struct logic_iomem_region_ops region_ops = {
	.map = map,
};

int soft_memory_init(void)
{
	/* A region is never removed. */
	return soft_window.parent ? 0 : logic_iomem_add_region(&soft_window, &region_ops);
}

void soft_memory_exit(void)
{
}
