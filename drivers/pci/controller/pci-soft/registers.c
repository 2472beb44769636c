// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: registers, and the rules that they obey. All functions
 * here, except those that tests call, run with the lock held.
 */

#include <linux/export.h>
#include <linux/unaligned.h>

#include "soft.h"

/* Finds a register in the window. The PCI core may have found no address for its BAR. */
static bool locate(struct pci_soft_func *func, u8 bar, u32 offset, u32 *at)
{
	const struct resource *res;

	if (!func->pdev || bar > PCI_ROM_RESOURCE)
		return false;
	res = &func->pdev->resource[bar];
	if (!(res->flags & IORESOURCE_MEM) || !res->parent ||
	    !resource_contains(&soft_window, res) || offset > resource_size(res) - 4)
		return false;
	*at = res->start - soft_window.start + offset;
	return true;
}

u32 soft_register_read(struct pci_soft_func *func, u8 bar, u32 offset)
{
	u32 at;

	if (bar == PCI_SOFT_CONFIG)
		return get_unaligned_le32(&func->config[offset]);
	return locate(func, bar, offset, &at) ? soft_memory_read(at) : ~0;
}

void soft_register_write(struct pci_soft_func *func, u8 bar, u32 offset, u32 value)
{
	u32 at;

	if (bar == PCI_SOFT_CONFIG)
		put_unaligned_le32(value, &func->config[offset]);
	else if (locate(func, bar, offset, &at))
		soft_memory_write(at, value);
}

static u32 mask_of(const struct pci_soft_rule *rule)
{
	return rule->mask ?: ~0;
}

static bool is_about(const struct pci_soft_rule *rule, u8 bar, u32 offset)
{
	return rule->bar == bar && rule->offset == offset;
}

/* Records the value of a register, so that it does not count as written. */
static void remember(struct pci_soft_func *func, u8 bar, u32 offset, u32 value)
{
	unsigned int i;

	for (i = 0; i < func->desc->num_rules; i++)
		if (is_about(&func->desc->rules[i], bar, offset))
			func->rules[i].shadow = value;
}

/* Changes the bits of a register that are in the mask of a rule. */
static void change(struct pci_soft_func *func, u8 bar, u32 offset, u32 mask, u32 value)
{
	u32 rest = soft_register_read(func, bar, offset) & ~mask;

	soft_register_write(func, bar, offset, rest | (value & mask));
	remember(func, bar, offset, rest | (value & mask));
}

static void advance(struct pci_soft_func *func, unsigned int i)
{
	const struct pci_soft_rule *rule = &func->desc->rules[i];
	unsigned int *next = &func->rules[i].next;

	change(func, rule->bar, rule->offset, mask_of(rule), rule->values[*next]);
	if (*next + 1 < rule->count)
		++*next;
}

/* Applies the rules before a register is read. */
void soft_register_is_read(struct pci_soft_func *func, u8 bar, u32 offset)
{
	unsigned int i;

	for (i = 0; i < func->desc->num_rules; i++)
		if (func->desc->rules[i].kind == PCI_SOFT_SEQUENCE &&
		    is_about(&func->desc->rules[i], bar, offset))
			advance(func, i);
}

/*
 * Applies the rules after @value was written to a register whose value was
 * @old. @lanes has the bits of the bytes that were written. The caller sends
 * the interrupts that this raises.
 */
void soft_register_was_written(struct pci_soft_func *func, u8 bar, u32 offset, u32 old,
			       u32 value, u32 lanes)
{
	const struct pci_soft_rule *rule = func->desc->rules;
	const struct pci_soft_rule *end = rule + func->desc->num_rules;

	for (; rule < end; rule++) {
		u32 mask = mask_of(rule);

		if (!is_about(rule, bar, offset))
			continue;
		if (rule->kind == PCI_SOFT_WRITE_1_CLEARS)
			change(func, bar, offset, mask, old & ~(value & lanes));
		if (!(lanes & mask) || (value & mask) != (rule->value & mask))
			continue;
		if (rule->kind == PCI_SOFT_ON_WRITE)
			change(func, rule->then.bar, rule->then.offset, rule->then.mask ?: ~0,
			       rule->then.value);
		if (rule->kind == PCI_SOFT_RAISES)
			soft_raise(func, rule->vector);
	}
}

/*
 * Looks for writes to the registers of a function since the last time. Returns
 * whether there were any.
 */
bool soft_registers_poll(struct pci_soft_func *func)
{
	const struct pci_soft_rule *rule = func->desc->rules;
	bool written = false;
	u32 value, old;
	unsigned int i;

	for (i = 0; i < func->desc->num_rules; i++, rule++) {
		if (rule->bar == PCI_SOFT_CONFIG)
			continue;
		if (rule->kind == PCI_SOFT_SEQUENCE) {
			advance(func, i);
			continue;
		}
		value = soft_register_read(func, rule->bar, rule->offset);
		old = func->rules[i].shadow;
		if (value == old)
			continue;
		remember(func, rule->bar, rule->offset, value);
		soft_register_was_written(func, rule->bar, rule->offset, old, value, ~0);
		written = true;
	}
	return written;
}

/* Gives all bytes of the memory of a function one value. */
void soft_registers_fill(struct pci_soft_func *func, u8 value)
{
	unsigned int bar;
	u32 at;

	for (bar = 0; bar <= PCI_ROM_RESOURCE; bar++)
		if (locate(func, bar, 0, &at))
			soft_memory_fill(at, value, resource_size(&func->pdev->resource[bar]));
}

/* Gives the registers of a function the values that they have after a reset. */
void soft_registers_reset(struct pci_soft_func *func)
{
	const struct pci_soft_desc *desc = func->desc;
	unsigned int i;

	for (i = 0; i < desc->msix_vectors; i++)
		soft_register_write(func, desc->msix_bar,
				    desc->msix_offset + i * PCI_MSIX_ENTRY_SIZE +
				    PCI_MSIX_ENTRY_VECTOR_CTRL, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	for (i = 0; i < DIV_ROUND_UP(desc->msix_vectors, 32); i++)
		soft_register_write(func, desc->msix_bar, soft_msix_pba(func) + 4 * i, 0);

	for (i = 0; i < desc->num_rules; i++) {
		const struct pci_soft_rule *rule = &desc->rules[i];

		func->rules[i].next = 0;
		if (rule->kind == PCI_SOFT_VALUE)
			change(func, rule->bar, rule->offset, mask_of(rule), rule->value);
		if (rule->kind == PCI_SOFT_SEQUENCE)
			change(func, rule->bar, rule->offset, mask_of(rule), rule->values[0]);
	}
	for (i = 0; i < desc->num_rules; i++)
		func->rules[i].shadow = soft_register_read(func, desc->rules[i].bar,
							   desc->rules[i].offset);
}

/**
 * pci_soft_read - read a register as the function itself does
 * @func:	the function
 * @bar:	a memory BAR, or %PCI_ROM_RESOURCE, or %PCI_SOFT_CONFIG
 * @offset:	the offset there, a multiple of 4
 *
 * No rule applies, and the function need not be enabled. This can be called
 * from any context.
 *
 * Return: the value, or ~0 if there is no such register.
 */
u32 pci_soft_read(struct pci_soft_func *func, u8 bar, u32 offset)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	return soft_register_read(func, bar, offset);
}
EXPORT_SYMBOL_GPL(pci_soft_read);

/**
 * pci_soft_write - write a register as the function itself does
 * @func:	the function
 * @bar:	a memory BAR, or %PCI_ROM_RESOURCE, or %PCI_SOFT_CONFIG
 * @offset:	the offset there, a multiple of 4
 * @value:	the new content, read-only bits included
 *
 * See pci_soft_read() for rules and context.
 */
void pci_soft_write(struct pci_soft_func *func, u8 bar, u32 offset, u32 value)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	soft_register_write(func, bar, offset, value);
	remember(func, bar, offset, value);
}
EXPORT_SYMBOL_GPL(pci_soft_write);
