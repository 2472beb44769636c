/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that the files of the software PCI bus share.
 *
 * There is one bus, with up to 32 devices of one function each. Behind a root
 * port there is a bus with one more function. The state of a function is
 * protected by soft_lock. Callers of the functions below hold it, except for
 * those that set up and tear down.
 */
#ifndef DRIVERS_PCI_CONTROLLER_PCI_SOFT_H
#define DRIVERS_PCI_CONTROLLER_PCI_SOFT_H

#include <linux/bitmap.h>
#include <linux/irq_work.h>
#include <linux/pci-soft.h>
#include <linux/spinlock.h>

/* A slot for each device of the bus, and then one for each that can be behind it. */
#define SOFT_DEVICES	32
#define SOFT_SLOTS	(2 * SOFT_DEVICES)
#define SOFT_MAX_MSIX	2048

/* A link of one lane at 2.5 GT/s, in the Link Capabilities and in the Link Status. */
#define SOFT_LINK	(PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1)

/* The state of a rule. */
struct soft_rule_state {
	u32 shadow;		/* value of the register when it was last polled */
	unsigned int next;	/* index of the next value of a sequence */
};

struct pci_soft_func {
	const struct pci_soft_desc *desc;
	struct pci_dev *pdev;		/* NULL until the BARs have addresses */
	unsigned int slot;
	bool plugged;

	struct pci_soft_func *port;	/* the root port that it is behind, or NULL */
	bool is_port;
	bool event;			/* a port has an event to report */
	unsigned int events;		/* how often a port has interrupted */

	/*
	 * Configuration space: its content, its content after a reset, and the
	 * masks of writes.
	 */
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	u8 reset[PCI_CFG_SPACE_EXP_SIZE];
	u8 writable[PCI_CFG_SPACE_EXP_SIZE];
	u8 write_1_clears[PCI_CFG_SPACE_EXP_SIZE];
	u8 pm, exp, msi, msix;		/* offsets of the capabilities */

	/* MSI-X or MSI vectors that were raised and not sent. */
	DECLARE_BITMAP(pending, SOFT_MAX_MSIX);

	bool intx_asserted;
	bool intx_masked;		/* by the interrupt controller */

	struct soft_rule_state rules[];	/* one for each of desc->rules */
};

extern raw_spinlock_t soft_lock;
extern struct pci_soft_func *soft_funcs[SOFT_SLOTS];

/* config.c */
extern struct pci_ops soft_config_ops;
int soft_config_build(struct pci_soft_func *func);
u16 soft_config_word(struct pci_soft_func *func, unsigned int offset);
bool soft_is_on(struct pci_soft_func *func);
void soft_reset(struct pci_soft_func *func);

/* bus.c */
struct pci_soft_func *soft_add(const struct pci_soft_desc *desc, bool is_port,
			       struct pci_soft_func *port);
bool soft_find_room(struct resource *window, struct resource *res);
int soft_take_in(struct pci_soft_func *func, struct pci_dev *pdev);

/* ports.c */
int soft_ports_init(void);
void soft_ports_exit(void);
void soft_port_build(struct pci_soft_func *port);
int soft_port_open(struct pci_dev *pdev);
struct pci_soft_func *soft_behind(struct pci_soft_func *port);
void soft_port_set_link(struct pci_soft_func *port, bool up);
void soft_port_update(struct pci_soft_func *port);

/* interrupts.c */
u32 soft_msix_pba(struct pci_soft_func *func);
u32 soft_pending_word(struct pci_soft_func *func, unsigned int word);
void soft_raise(struct pci_soft_func *func, unsigned int vector);
void soft_interrupts_update(struct pci_soft_func *func);

/* messages.c */
int soft_messages_init(void);
void soft_messages_exit(void);
struct irq_domain *soft_messages_domain(void);
void soft_message_send(u64 address, u32 data);
int soft_intx_map(unsigned int slot);
void soft_intx_unmap(unsigned int slot);
void soft_intx_send(unsigned int slot);

/* registers.c */
u32 soft_register_read(struct pci_soft_func *func, u8 bar, u32 offset);
void soft_register_write(struct pci_soft_func *func, u8 bar, u32 offset, u32 value);
void soft_registers_reset(struct pci_soft_func *func);
void soft_registers_fill(struct pci_soft_func *func, u8 value);
void soft_register_was_written(struct pci_soft_func *func, u8 bar, u32 offset, u32 old,
			       u32 value, u32 lanes);
void soft_register_is_read(struct pci_soft_func *func, u8 bar, u32 offset);
bool soft_registers_poll(struct pci_soft_func *func);

/* memory_trapped.c or memory_ram.c: the memory that the BARs are in. */
extern struct resource soft_window;
int soft_memory_init(void);
void soft_memory_exit(void);
u32 soft_memory_read(u32 at);
void soft_memory_write(u32 at, u32 value);
void soft_memory_fill(u32 at, u8 value, size_t size);

#endif /* DRIVERS_PCI_CONTROLLER_PCI_SOFT_H */
