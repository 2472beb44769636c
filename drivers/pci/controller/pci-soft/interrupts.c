// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: how a function interrupts.
 *
 * An MSI-X or MSI vector that is masked stays pending, and is sent when it is
 * unmasked. A function that has neither MSI-X nor MSI enabled asserts its INTx,
 * unless that is disabled. A message is a write to memory: without bus
 * mastering none is sent, and the interrupt is lost.
 */

#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/unaligned.h>

#include "soft.h"

static bool msi_enabled(struct pci_soft_func *func)
{
	return func->msi &&
	       soft_config_word(func, func->msi + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE;
}

static bool msix_enabled(struct pci_soft_func *func)
{
	return func->msix &&
	       soft_config_word(func, func->msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
}

/* Returns the offset of the pending bits of MSI-X in their BAR. */
u32 soft_msix_pba(struct pci_soft_func *func)
{
	return func->desc->msix_offset + func->desc->msix_vectors * PCI_MSIX_ENTRY_SIZE;
}

u32 soft_pending_word(struct pci_soft_func *func, unsigned int word)
{
	return bitmap_read(func->pending, 32 * word, 32);
}

/* A port sends the messages of the function behind it only if it is a master, too. */
static bool is_master(struct pci_soft_func *func)
{
	if (func->port && !is_master(func->port))
		return false;
	return soft_config_word(func, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

static void set_pending(struct pci_soft_func *func, unsigned int vector, bool pending)
{
	__assign_bit(vector, func->pending, pending);
	if (func->msix && !msi_enabled(func))
		soft_register_write(func, func->desc->msix_bar,
				    soft_msix_pba(func) + vector / 32 * 4,
				    soft_pending_word(func, vector / 32));
}

static void send_msix(struct pci_soft_func *func)
{
	u8 bar = func->desc->msix_bar;
	unsigned int vector;
	u64 address;
	u32 entry;

	if (soft_config_word(func, func->msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL)
		return;
	for_each_set_bit(vector, func->pending, func->desc->msix_vectors) {
		entry = func->desc->msix_offset + vector * PCI_MSIX_ENTRY_SIZE;
		if (soft_register_read(func, bar, entry + PCI_MSIX_ENTRY_VECTOR_CTRL) &
		    PCI_MSIX_ENTRY_CTRL_MASKBIT)
			continue;
		set_pending(func, vector, false);
		address = soft_register_read(func, bar, entry + PCI_MSIX_ENTRY_UPPER_ADDR);
		address = address << 32 |
			  soft_register_read(func, bar, entry + PCI_MSIX_ENTRY_LOWER_ADDR);
		soft_message_send(address, soft_register_read(func, bar,
							      entry + PCI_MSIX_ENTRY_DATA));
	}
}

/* Returns how many vectors the driver lets the function use. */
static unsigned int msi_vectors(struct pci_soft_func *func)
{
	u16 flags = soft_config_word(func, func->msi + PCI_MSI_FLAGS);

	return min(1U << FIELD_GET(PCI_MSI_FLAGS_QSIZE, flags), func->desc->msi_vectors);
}

static void send_msi(struct pci_soft_func *func)
{
	u8 *msi = &func->config[func->msi];
	unsigned int vector;
	u64 address = get_unaligned_le32(msi + PCI_MSI_ADDRESS_LO);
	u32 masked = 0;
	u16 data;

	if (func->desc->msi_32bit) {
		data = get_unaligned_le16(msi + PCI_MSI_DATA_32);
		if (func->desc->msi_maskable)
			masked = get_unaligned_le32(msi + PCI_MSI_MASK_32);
	} else {
		address |= (u64)get_unaligned_le32(msi + PCI_MSI_ADDRESS_HI) << 32;
		data = get_unaligned_le16(msi + PCI_MSI_DATA_64);
		if (func->desc->msi_maskable)
			masked = get_unaligned_le32(msi + PCI_MSI_MASK_64);
	}
	for_each_set_bit(vector, func->pending, 32) {
		if (masked & BIT(vector))
			continue;
		set_pending(func, vector, false);
		soft_message_send(address, (data & ~(msi_vectors(func) - 1)) | vector);
	}
}

/* Returns whether a function asserts its INTx. */
static bool intx_is_up(struct pci_soft_func *func)
{
	return func->intx_asserted && soft_is_on(func) &&
	       !msi_enabled(func) && !msix_enabled(func) &&
	       !(soft_config_word(func, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
}

/*
 * Sends the pending interrupts of a function. This is called after any change.
 */
void soft_interrupts_update(struct pci_soft_func *func)
{
	bool msix = msix_enabled(func), msi = msi_enabled(func);
	unsigned int vector;

	if (!soft_is_on(func) || !is_master(func) || !(msi || msix)) {
		for_each_set_bit(vector, func->pending, SOFT_MAX_MSIX)
			set_pending(func, vector, false);
	} else if (msix) {
		send_msix(func);
	} else {
		send_msi(func);
	}
	if (intx_is_up(func) && !func->intx_masked) {
		/* The line stays masked until genirq unmasks it, so no other CPU sends it, too. */
		func->intx_masked = true;
		soft_intx_send(func->slot);
	}
}

/* Makes a vector pending, or asserts INTx. Nothing is sent yet. */
void soft_raise(struct pci_soft_func *func, unsigned int vector)
{
	if (!soft_is_on(func))
		return;
	if (msix_enabled(func)) {
		if (vector < func->desc->msix_vectors)
			set_pending(func, vector, true);
	} else if (msi_enabled(func)) {
		set_pending(func, vector & (msi_vectors(func) - 1), true);
	} else {
		func->intx_asserted = func->desc->intx;
	}
}

/**
 * pci_soft_raise - make a function raise an interrupt
 * @func:	the function
 * @vector:	the MSI-X or MSI vector
 *
 * The interrupt arrives soon, on the CPU that the message goes to. If the
 * vector is masked, it stays pending. MSI vectors that the driver does not use
 * share those that it uses. With neither enabled the function asserts INTx
 * until pci_soft_lower(). Can be called from any context.
 */
void pci_soft_raise(struct pci_soft_func *func, unsigned int vector)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	soft_raise(func, vector);
	soft_interrupts_update(func);
}
EXPORT_SYMBOL_GPL(pci_soft_raise);

/**
 * pci_soft_lower - make a function deassert its INTx
 * @func:	the function
 *
 * Can be called from any context.
 */
void pci_soft_lower(struct pci_soft_func *func)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	func->intx_asserted = false;
}
EXPORT_SYMBOL_GPL(pci_soft_lower);

/**
 * pci_soft_pending - tell whether a vector is pending
 * @func:	the function
 * @vector:	the MSI-X or MSI vector
 *
 * Can be called from any context.
 *
 * Return: true if it was raised while it was masked, and has not been sent.
 */
bool pci_soft_pending(struct pci_soft_func *func, unsigned int vector)
{
	guard(raw_spinlock_irqsave)(&soft_lock);
	return vector < SOFT_MAX_MSIX && test_bit(vector, func->pending);
}
EXPORT_SYMBOL_GPL(pci_soft_pending);
