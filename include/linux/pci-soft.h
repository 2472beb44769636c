/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PCI bus made of software, for tests: its functions exist in memory.
 */
#ifndef LINUX_PCI_SOFT_H
#define LINUX_PCI_SOFT_H

#include <linux/pci.h>
#include <linux/types.h>

struct pci_soft_func;

/* Stands for configuration space in the place of a BAR. */
#define PCI_SOFT_CONFIG		U8_MAX

/**
 * struct pci_soft_bar - one BAR of a function
 * @size:	its size, a power of two; 0 if there is no such BAR
 * @flags:	its low bits in configuration space: 0 for 32-bit memory, or
 *		PCI_BASE_ADDRESS_SPACE_IO, or PCI_BASE_ADDRESS_MEM_PREFETCH
 *		and PCI_BASE_ADDRESS_MEM_TYPE_64; a 64-bit BAR takes the place
 *		of the next one, too
 *
 * An I/O BAR can be requested, but nothing answers in it: reads return ~0.
 */
struct pci_soft_bar {
	u32 size;
	u32 flags;
};

/**
 * struct pci_soft_cap - a capability as its bytes
 * @id:		its ID
 * @version:	of an extended capability, which needs @express; 0 if it is a
 *		conventional one
 * @size:	the number of @bytes
 * @bytes:	what follows the header, which is of 2 bytes, or of 4 in an
 *		extended capability
 *
 * Drivers can read all of it and write nothing, except by a rule.
 */
struct pci_soft_cap {
	u16 id;
	u8 version;
	u16 size;
	const u8 *bytes;
};

/**
 * enum pci_soft_rule_kind - what is special about a register
 * @PCI_SOFT_VALUE:		it has this value after a reset
 * @PCI_SOFT_SEQUENCE:		one read after another returns the next value,
 *				and the last one from then on
 * @PCI_SOFT_WRITE_1_CLEARS:	a write clears the bits that are 1 in it
 * @PCI_SOFT_ON_WRITE:		a certain write changes another register
 * @PCI_SOFT_RAISES:		a certain write raises a vector
 */
enum pci_soft_rule_kind {
	PCI_SOFT_VALUE,
	PCI_SOFT_SEQUENCE,
	PCI_SOFT_WRITE_1_CLEARS,
	PCI_SOFT_ON_WRITE,
	PCI_SOFT_RAISES,
};

/**
 * struct pci_soft_rule - how a 32-bit register behaves
 * @kind:	the kind of rule
 * @bar:	the BAR that the register is in, or %PCI_SOFT_CONFIG
 * @offset:	its offset there, a multiple of 4
 * @mask:	the bits that the rule is about; 0 means all
 * @value:	the value after a reset, or the one that has to be written
 * @values:	the values of a sequence
 * @count:	their number
 * @vector:	the vector that a write raises, as in pci_soft_raise()
 * @then:	the register that a write changes
 *
 * A register without a rule keeps what is written to it. Registers in memory
 * obey at once where accesses can be trapped, which is in User Mode Linux. On
 * other architectures a thread looks at them some thousand times a second: a
 * sequence advances with time, and a write that changes nothing is not seen.
 */
struct pci_soft_rule {
	enum pci_soft_rule_kind kind;
	u8 bar;
	u32 offset;
	u32 mask;
	u32 value;
	const u32 *values;
	unsigned int count;
	unsigned int vector;
	struct {
		u8 bar;
		u32 offset;
		u32 mask;
		u32 value;
	} then;
};

/**
 * struct pci_soft_desc - description of a function
 * @vendor:		vendor ID
 * @device:		device ID
 * @subsystem_vendor:	subsystem vendor ID
 * @subsystem_device:	subsystem ID
 * @class:		class code, 24 bits
 * @revision:		revision ID
 * @bars:		the BARs
 * @rom_size:		size of the expansion ROM, or 0
 * @pm:			it has the power management capability, and forgets
 *			everything in D3hot
 * @express:		it is a PCI Express endpoint: 4096 bytes of configuration
 *			space, and a function-level reset; with a link if it is
 *			behind a port
 * @intx:		it has an INTx interrupt
 * @msi_32bit:		its MSI messages go to 32-bit addresses only
 * @msi_maskable:	its MSI vectors can be masked one by one
 * @msi_vectors:	number of MSI vectors, a power of two up to 32, or 0
 * @msix_vectors:	number of MSI-X vectors up to 2048, or 0
 * @msix_bar:		the memory BAR that holds the MSI-X table, and the
 *			pending bits after it
 * @msix_offset:	the offset of the table, a multiple of 8
 * @caps:		further capabilities
 * @num_caps:		their number
 * @rules:		the registers with a behaviour of their own
 * @num_rules:		their number
 *
 * The description must stay valid until the function is removed.
 */
struct pci_soft_desc {
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem_device;
	u32 class;
	u8 revision;
	struct pci_soft_bar bars[PCI_STD_NUM_BARS];
	u32 rom_size;
	bool pm;
	bool express;
	bool intx;
	bool msi_32bit;
	bool msi_maskable;
	u8 msi_vectors;
	u16 msix_vectors;
	u8 msix_bar;
	u32 msix_offset;
	const struct pci_soft_cap *caps;
	unsigned int num_caps;
	const struct pci_soft_rule *rules;
	unsigned int num_rules;
};

struct pci_soft_func *pci_soft_add(const struct pci_soft_desc *desc);
void pci_soft_remove(struct pci_soft_func *func);
void pci_soft_unplug(struct pci_soft_func *func);
struct pci_dev *pci_soft_dev(struct pci_soft_func *func);

struct pci_soft_func *pci_soft_add_port(void);
struct pci_soft_func *pci_soft_add_behind(struct pci_soft_func *port,
					  const struct pci_soft_desc *desc);
void pci_soft_settle(struct pci_soft_func *port);

void pci_soft_raise(struct pci_soft_func *func, unsigned int vector);
void pci_soft_lower(struct pci_soft_func *func);
void pci_soft_flush(void);
bool pci_soft_pending(struct pci_soft_func *func, unsigned int vector);
unsigned int pci_soft_take_vectors(unsigned int left);
void pci_soft_give_vectors(void);

u32 pci_soft_read(struct pci_soft_func *func, u8 bar, u32 offset);
void pci_soft_write(struct pci_soft_func *func, u8 bar, u32 offset, u32 value);

#endif /* LINUX_PCI_SOFT_H */
