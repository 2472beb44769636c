/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random sequences of calls of the PCI devres layer, and a record of the effects of each.
 */
#ifndef SEQUENCES_H
#define SEQUENCES_H

#include <linux/pci.h>

/* One bit of the keep= parameter for each. */
#define MAX_STEPS 60

/* Who makes a call. */
enum phase {
	IN_PROBE,
	WHILE_BOUND,
	IN_REMOVE,
};

/* What is made to fail during a call. */
enum fault {
	FAULT_NONE,
	FAULT_COMMAND,		/* the command word reads as all ones */
	FAULT_CACHE_LINE,	/* the device has no cache line size */
	FAULT_ENABLE,		/* the host bridge refuses to enable the device */
};

enum call {
	/* The exports of the layer */
	ENABLE_DEVICE,
	PIN_DEVICE,
	IOMAP_TABLE,
	IOMAP,
	IOUNMAP,
	IOMAP_REGION,
	IOUNMAP_REGION,
	IOMAP_REGIONS,
	REQUEST_REGION,
	REQUEST_ALL_REGIONS,
	IOMAP_RANGE,
	SET_MWI,
	INTX,
	REMAP_IOSPACE,
	REMAP_CFGSPACE,
	REMAP_CFG_RESOURCE,
	/* Other calls of drivers */
	FIRST_AROUND,
	PCI_ENABLE_DEVICE = FIRST_AROUND,
	PCI_DISABLE_DEVICE,
	PCI_SET_MASTER,
	PCI_CLEAR_MASTER,
	PCI_SET_MWI,
	PCI_CLEAR_MWI,
	PCI_INTX,
	PCI_SET_POWER_STATE,
	PCI_REQUEST_REGION,
	PCI_RELEASE_REGION,
	PCI_IOMAP,
	PCI_IOMAP_TWO_TYPES,
	PCI_IOUNMAP,
	DEVM_IOUNMAP,
	DEVM_ADD_ACTION,
	GROUP_OPEN,
	GROUP_CLOSE,
	GROUP_REMOVE,
	GROUP_RELEASE,
	CALLS,
};

/* The address or resource that a call gets. */
enum special {
	NOTHING = -1,
	FOREIGN = -2,
};

/* The effect of an action when it is released. */
enum action {
	ACTION_NOTHING,
	ACTION_PIN,
	ACTION_IOUNMAP,
	ACTION_IOUNMAP_REGION,
	ACTIONS,
};

/* The newest group of an id. */
enum group {
	NO_GROUP,
	OPEN_GROUP,
	CLOSED_GROUP,
};

struct step {
	enum call call;
	enum phase phase;
	enum fault fault;
	/* A BAR, a mask of BARs, a flag, a power state, a group. */
	int arg;
	/* The earlier step whose mapping is meant, or enum special. */
	int from;
	unsigned long offset;
	unsigned long length;
	/* NULL is a name too. */
	const char *name;
	enum action action;
};

struct sequence {
	u64 seed;
	u32 number;
	int count;
	bool probe_fails;
	struct step steps[MAX_STEPS];
};

/* generate.c */
void generate(struct sequence *sequence, struct pci_dev *pdev);

/* calls.c, around.c: these return false if the call is not allowed in this state. */
bool make_call(struct pci_dev *pdev, const struct sequence *sequence, int at);
bool make_call_around(struct pci_dev *pdev, const struct step *step, int at);
int around_enabled(void);
void around_begin(void);

/* record.c */
int record_init(struct pci_dev *pdev);
void record_exit(void);
void record_begin(void);
void record_end(void);
void record_fault(enum fault fault);
__printf(1, 2) void record(const char *format, ...);
void record_flush(bool print);
u64 record_digest(void);
u16 record_command(void);

/* state.c */
struct mapping {
	void __iomem *addr;
	unsigned long pfn;
	int step;
	/* In the table, made by a call that returned no address; -1 otherwise. */
	int slot;
	bool cfgspace;
	bool raw;
};

void state_begin(struct pci_dev *pdev);
void state_record(struct pci_dev *pdev, int step);
bool state_is_clean(struct pci_dev *pdev, const struct sequence *sequence, u64 keep);
enum group state_group(struct pci_dev *pdev, const void *id);
struct mapping *mapping_add(struct pci_dev *pdev, void __iomem *addr, int step, int slot);
struct mapping *mapping_of(int step);
bool mapping_is_live(const struct mapping *mapping);
void mapping_record(struct pci_dev *pdev, const struct mapping *mapping);
void mapping_unmap_raw(struct pci_dev *pdev, int step);

#endif
