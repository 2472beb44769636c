// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: configuration space. It is built from the description
 * of a function, with a mask of the bits that can be written.
 */

#include <linux/log2.h>
#include <linux/unaligned.h>

#include "soft.h"

/* --- Building it --- */

static void put_byte(struct pci_soft_func *func, unsigned int offset, u8 value, u8 writable)
{
	func->reset[offset] = value;
	func->writable[offset] = writable;
}

static void put_word(struct pci_soft_func *func, unsigned int offset, u16 value, u16 writable)
{
	put_unaligned_le16(value, &func->reset[offset]);
	put_unaligned_le16(writable, &func->writable[offset]);
}

static void put_dword(struct pci_soft_func *func, unsigned int offset, u32 value, u32 writable)
{
	put_unaligned_le32(value, &func->reset[offset]);
	put_unaligned_le32(writable, &func->writable[offset]);
}

/*
 * A list of capabilities under construction: the place of its next link, and
 * the next free byte.
 */
struct list {
	unsigned int link, free;
};

/* Returns where a capability begins, or 0 if there is no room for it. */
static unsigned int add_cap(struct pci_soft_func *func, struct list *list, u8 id, unsigned int size)
{
	unsigned int at = list->free;

	if (at + size > PCI_CFG_SPACE_SIZE)
		return 0;
	func->reset[list->link] = at;
	func->reset[at + PCI_CAP_LIST_ID] = id;
	list->link = at + PCI_CAP_LIST_NEXT;
	list->free = ALIGN(at + size, 4);
	return at;
}

static unsigned int add_ext_cap(struct pci_soft_func *func, struct list *list, u16 id, u8 version,
				unsigned int size)
{
	unsigned int at = list->free;

	if (at + size > PCI_CFG_SPACE_EXP_SIZE)
		return 0;
	if (list->link)
		put_dword(func, list->link,
			  get_unaligned_le32(&func->reset[list->link]) | at << 20, 0);
	put_dword(func, at, version << 16 | id, 0);
	list->link = at;
	list->free = ALIGN(at + size, 4);
	return at;
}

static int build_bars(struct pci_soft_func *func)
{
	const struct pci_soft_desc *desc = func->desc;
	unsigned int i, at = PCI_BASE_ADDRESS_0;

	for (i = 0; i < PCI_STD_NUM_BARS; i++, at += 4) {
		const struct pci_soft_bar *bar = &desc->bars[i];

		if (!bar->size)
			continue;
		if (!is_power_of_2(bar->size) || bar->size < 16)
			return -EINVAL;
		put_dword(func, at, bar->flags, -bar->size);
		if (bar->flags & PCI_BASE_ADDRESS_SPACE_IO ||
		    !(bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64))
			continue;
		i++;
		at += 4;
		if (i == PCI_STD_NUM_BARS || desc->bars[i].size)
			return -EINVAL;
		put_dword(func, at, 0, ~0);
	}
	if (desc->rom_size) {
		if (!is_power_of_2(desc->rom_size) || desc->rom_size < SZ_2K)
			return -EINVAL;
		put_dword(func, PCI_ROM_ADDRESS, 0, -desc->rom_size | PCI_ROM_ADDRESS_ENABLE);
	}
	return 0;
}

static bool build_msi(struct pci_soft_func *func, struct list *list)
{
	const struct pci_soft_desc *desc = func->desc;
	unsigned int at, data, size;
	u16 flags = ilog2(desc->msi_vectors) << 1;

	data = desc->msi_32bit ? PCI_MSI_DATA_32 : PCI_MSI_DATA_64;
	size = data + 2;
	if (!desc->msi_32bit)
		flags |= PCI_MSI_FLAGS_64BIT;
	if (desc->msi_maskable) {
		flags |= PCI_MSI_FLAGS_MASKBIT;
		size = data + 12;
	}
	at = add_cap(func, list, PCI_CAP_ID_MSI, size);
	if (!at)
		return false;
	put_word(func, at + PCI_MSI_FLAGS, flags, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	put_dword(func, at + PCI_MSI_ADDRESS_LO, 0, ~3);
	if (!desc->msi_32bit)
		put_dword(func, at + PCI_MSI_ADDRESS_HI, 0, ~0);
	put_word(func, at + data, 0, ~0);
	if (desc->msi_maskable)
		put_dword(func, at + data + 4, 0, GENMASK(desc->msi_vectors - 1, 0));
	func->msi = at;
	return true;
}

static bool build_msix(struct pci_soft_func *func, struct list *list)
{
	const struct pci_soft_desc *desc = func->desc;
	unsigned int at = add_cap(func, list, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);

	if (!at)
		return false;
	put_word(func, at + PCI_MSIX_FLAGS, desc->msix_vectors - 1,
		 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put_dword(func, at + PCI_MSIX_TABLE, desc->msix_offset | desc->msix_bar, 0);
	put_dword(func, at + PCI_MSIX_PBA, soft_msix_pba(func) | desc->msix_bar, 0);
	func->msix = at;
	return true;
}

/*
 * A function of the bus is an endpoint that is part of the root complex, so it
 * has no link. Behind a port the link has one lane and the lowest speed.
 */
static bool build_exp(struct pci_soft_func *func, struct list *list)
{
	unsigned int at = add_cap(func, list, PCI_CAP_ID_EXP, 0x3c);

	if (!at)
		return false;
	put_word(func, at + PCI_EXP_FLAGS, PCI_EXP_TYPE_RC_END << 4 | 2, 0);
	if (func->port) {
		put_word(func, at + PCI_EXP_FLAGS, PCI_EXP_TYPE_ENDPOINT << 4 | 2, 0);
		put_word(func, at + PCI_EXP_LNKCAP, SOFT_LINK, 0);
		put_word(func, at + PCI_EXP_LNKSTA, SOFT_LINK, 0);
	}
	put_dword(func, at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR, 0);
	put_word(func, at + PCI_EXP_DEVCTL, 0, ~0);
	func->write_1_clears[at + PCI_EXP_DEVSTA] = 0xf;
	func->exp = at;
	return true;
}

static int build_caps(struct pci_soft_func *func)
{
	const struct pci_soft_desc *desc = func->desc;
	struct list list = { PCI_CAPABILITY_LIST, 0x40 };
	struct list ext = { 0, PCI_CFG_SPACE_SIZE };
	unsigned int i, at;

	if (desc->pm) {
		func->pm = add_cap(func, &list, PCI_CAP_ID_PM, PCI_PM_SIZEOF);
		put_word(func, func->pm + PCI_PM_PMC, 3, 0);
		put_word(func, func->pm + PCI_PM_CTRL, 0, PCI_PM_CTRL_STATE_MASK);
	}
	if (desc->msi_vectors && !build_msi(func, &list))
		return -ENOSPC;
	if (desc->msix_vectors && !build_msix(func, &list))
		return -ENOSPC;
	if (desc->express && !build_exp(func, &list))
		return -ENOSPC;
	for (i = 0; i < desc->num_caps; i++) {
		const struct pci_soft_cap *cap = &desc->caps[i];
		unsigned int head = cap->version ? 4 : 2;

		if (cap->version)
			at = add_ext_cap(func, &ext, cap->id, cap->version, head + cap->size);
		else
			at = add_cap(func, &list, cap->id, head + cap->size);
		if (!at)
			return -ENOSPC;
		memcpy(&func->reset[at + head], cap->bytes, cap->size);
	}
	return 0;
}

/* Checks the values from which masks and places of capabilities are computed. */
static bool is_sane(const struct pci_soft_desc *desc)
{
	u32 size, flags;

	if (desc->msi_vectors > 32 || (desc->msi_vectors && !is_power_of_2(desc->msi_vectors)))
		return false;
	if (!desc->msix_vectors)
		return true;
	if (desc->msix_vectors > SOFT_MAX_MSIX || desc->msix_bar >= PCI_STD_NUM_BARS ||
	    desc->msix_offset & 7)
		return false;
	size = desc->bars[desc->msix_bar].size;
	flags = desc->bars[desc->msix_bar].flags;
	return !(flags & PCI_BASE_ADDRESS_SPACE_IO) && desc->msix_offset < size &&
	       size - desc->msix_offset >= desc->msix_vectors * PCI_MSIX_ENTRY_SIZE +
					   DIV_ROUND_UP(desc->msix_vectors, 64) * 8;
}

/* Builds the configuration space of a function that nobody else knows yet. */
int soft_config_build(struct pci_soft_func *func)
{
	const struct pci_soft_desc *desc = func->desc;
	int ret;

	if (!is_sane(desc))
		return -EINVAL;
	put_word(func, PCI_VENDOR_ID, desc->vendor, 0);
	put_word(func, PCI_DEVICE_ID, desc->device, 0);
	put_word(func, PCI_COMMAND, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				       PCI_COMMAND_INVALIDATE | PCI_COMMAND_PARITY |
				       PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	put_word(func, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	func->write_1_clears[PCI_STATUS + 1] = 0xf9;
	put_dword(func, PCI_CLASS_REVISION, desc->class << 8 | desc->revision, 0);
	put_byte(func, PCI_CACHE_LINE_SIZE, 0, ~0);
	put_byte(func, PCI_LATENCY_TIMER, 0, ~0);
	put_word(func, PCI_SUBSYSTEM_VENDOR_ID, desc->subsystem_vendor, 0);
	put_word(func, PCI_SUBSYSTEM_ID, desc->subsystem_device, 0);
	/* No interrupt pin is set, because only this bus could route it. */
	put_byte(func, PCI_INTERRUPT_LINE, 0, ~0);

	ret = build_bars(func) ?: build_caps(func);
	if (func->is_port)
		soft_port_build(func);
	memcpy(func->config, func->reset, sizeof(func->config));
	return ret;
}

/* --- Using it --- */

u16 soft_config_word(struct pci_soft_func *func, unsigned int offset)
{
	return get_unaligned_le16(&func->config[offset]);
}

static bool is_in_d0(struct pci_soft_func *func)
{
	return !func->pm ||
	       !(soft_config_word(func, func->pm + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK);
}

/*
 * Returns whether a function is present and awake. Otherwise it does nothing.
 */
bool soft_is_on(struct pci_soft_func *func)
{
	return func->plugged && is_in_d0(func);
}

static struct pci_soft_func *find(struct pci_bus *bus, unsigned int devfn)
{
	struct pci_soft_func *func = PCI_FUNC(devfn) ? NULL : soft_funcs[PCI_SLOT(devfn)];

	if (!pci_is_root_bus(bus))
		func = devfn ? NULL : soft_funcs[SOFT_DEVICES + PCI_SLOT(bus->self->devfn)];
	return func && func->plugged ? func : NULL;
}

/* Configuration space has 4096 bytes with PCI Express, otherwise 256. */
static bool is_beyond(struct pci_soft_func *func, int where)
{
	return where >= PCI_CFG_SPACE_SIZE && !func->desc->express;
}

static int config_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	struct pci_soft_func *func;
	unsigned int i;

	guard(raw_spinlock_irqsave)(&soft_lock);
	func = find(bus, devfn);
	if (!func || is_beyond(func, where))
		return PCIBIOS_DEVICE_NOT_FOUND;

	soft_register_is_read(func, PCI_SOFT_CONFIG, where & ~3);
	func->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	if (func->intx_asserted)
		func->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	if (func->msi && func->desc->msi_maskable)
		put_unaligned_le32(soft_pending_word(func, 0), &func->config[func->msi +
				   (func->desc->msi_32bit ? PCI_MSI_PENDING_32 :
							    PCI_MSI_PENDING_64)]);
	for (*value = 0, i = 0; i < size; i++)
		*value |= func->config[where + i] << 8 * i;
	return PCIBIOS_SUCCESSFUL;
}

void soft_reset(struct pci_soft_func *func)
{
	memcpy(func->config, func->reset, sizeof(func->config));
	bitmap_zero(func->pending, SOFT_MAX_MSIX);
	func->intx_asserted = false;
	soft_registers_reset(func);
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	unsigned int i, first = where & ~3;
	struct pci_soft_func *func;
	u32 old, lanes = 0;
	bool was_in_d0;

	guard(raw_spinlock_irqsave)(&soft_lock);
	func = find(bus, devfn);
	if (!func || is_beyond(func, where))
		return PCIBIOS_DEVICE_NOT_FOUND;

	was_in_d0 = is_in_d0(func);
	old = get_unaligned_le32(&func->config[first]);
	for (i = 0; i < size; i++) {
		u8 *byte = &func->config[where + i], mask = func->writable[where + i];
		u8 written = value >> 8 * i;

		*byte = (*byte & ~mask) | (written & mask);
		*byte &= ~(written & func->write_1_clears[where + i]);
		lanes |= 0xff << 8 * (where + i - first);
	}
	soft_register_was_written(func, PCI_SOFT_CONFIG, first, old, value << 8 * (where - first),
				  lanes);

	if (func->exp && soft_config_word(func, func->exp + PCI_EXP_DEVCTL) &
			 PCI_EXP_DEVCTL_BCR_FLR)
		soft_reset(func);
	else if (!was_in_d0 && is_in_d0(func))
		soft_reset(func);
	if (func->is_port)
		soft_port_update(func);
	soft_interrupts_update(func);
	return PCIBIOS_SUCCESSFUL;
}

struct pci_ops soft_config_ops = {
	.read = config_read,
	.write = config_write,
};
