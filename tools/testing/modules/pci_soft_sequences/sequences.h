/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random sequences of calls on a function of the software PCI bus, and a model that says what
 * each call has to do.
 */
#ifndef SEQUENCES_H
#define SEQUENCES_H

#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/pci-soft.h>

/* There is one bit of the keep= parameter for each step. */
#define MAX_STEPS	60
/* Functions have at most that many vectors, and their driver at most that many handlers. */
#define MAX_VECTORS	8
#define MAX_HANDLERS	12
#define GROUPS		3

/* Who makes a call. */
enum phase {
	IN_PROBE,
	WHILE_BOUND,
	IN_REMOVE,
};

/* What is scarce during a call. */
enum fault {
	FAULT_NONE,
	FAULT_VECTORS,		/* the interrupt domain has few vectors left */
	FAULT_MEMORY,		/* an allocation of memory fails */
};

enum call {
	ALLOC,
	ALLOC_MANAGED,
	ENABLE_MSI,
	ENABLE_MSIX_RANGE,
	FREE,
	FREE_MANAGED,
	DISABLE_MSI,
	DISABLE_MSIX,
	ADD_ONE,
	FREE_ONE,
	REQUEST,
	FREE_HANDLER,
	RAISE,
	TOGGLE_IRQ,
	SET_AFFINITY,
	ENABLE_DEVICE,
	ENABLE_DEVICE_MANAGED,
	DISABLE_DEVICE,
	SET_MASTER,
	REQUEST_REGION,
	ADD_ACTION,
	GROUP_OPEN,
	GROUP_CLOSE,
	GROUP_RELEASE,
	GROUP_REMOVE,
	SAVE_STATE,
	RESTORE_STATE,
	SET_POWER_STATE,
	RESET,
	UNPLUG,
	CALLS,
};

struct step {
	enum call call;
	enum phase phase;
	enum fault fault;
	unsigned int scarce;	/* how many vectors are left, or which allocation fails */
	u32 a, b, c;		/* what calls.c makes arguments of */
};

/* How the driver leaves the function. */
enum ending {
	UNBIND,
	REMOVE_FUNCTION,
	PROBE_FAILS,
};

struct sequence {
	u64 seed;
	u32 number;
	unsigned int kind;	/* of function */
	enum ending ending;
	int count;
	struct step steps[MAX_STEPS];
};

/* --- The model: its state, and what changes it --- */

enum owner {
	NOBODY,
	DRIVER,
	DEVICE,
};

/* The lines that the kernel prints about ownership. */
enum report {
	BUSY_DRIVER,
	BUSY_DEVICE,
	REFUSED_DEVICE_OWNS,
	REFUSED_DRIVER_OWNS,
	REFUSED_HANDLER,
	LEAKED,
	LEAKED_HANDLER,
	REPORTS,
};

/* What must have happened in the sequences of a run, so that it proves something. */
enum happening {
	DID_ALLOC_EXPLICIT = REPORTS,
	DID_ALLOC_MANAGED,
	DID_FREE,
	DID_ADD_ONE,
	DID_FREE_ONE,
	DID_INTERRUPT,
	STAYED_SILENT,
	DID_ALLOC_IN_RELEASE,
	DID_REFUSE_IN_DETACH,
	DID_BIND_AGAIN,
	HAPPENINGS,
};

enum way {
	PLAIN,
	SHARED,
	THREADED,
	DEVM,
	PCI_IRQ,
	WAYS,
};

struct handler {
	bool used;
	enum way way;
	unsigned int vector;
	int irq;
	atomic_t seen;		/* interrupts, in all */
	int before;		/* those before the step */
};

static inline bool is_shared(const struct handler *handler)
{
	return handler->way == SHARED || handler->way == PCI_IRQ;
}

enum entry_kind {
	NODE,			/* with the MSI data of the device */
	MANAGED,		/* of a managed allocation */
	HANDLER,
	ENABLED,
	REGION,
	ACTION,
	OPENED,
	CLOSED,
};

/* An entry on the device's devres list. @which is an id, a handler, an action, or a group. */
struct entry {
	enum entry_kind kind;
	unsigned int which;
};

/* What a devm action does when it is released, and what the kernel answered then. */
struct action {
	enum { ACT_FREE, ACT_FREE_MANAGED, ACT_ALLOC, ACT_ALLOC_MANAGED, ACTS } does;
	struct pci_dev *pdev;
	int ret;
};

struct model {
	struct pci_dev *pdev;
	const struct pci_soft_desc *desc;
	struct pci_soft_func *func;	/* NULL once it has been removed */
	bool unplugged, detaching;

	enum owner owner;
	unsigned int type;		/* PCI_IRQ_MSI or PCI_IRQ_MSIX, or 0 */
	unsigned long vectors;
	int irqs[MAX_VECTORS];
	bool silenced;
	bool forgotten;			/* the function has lost its state since */
	unsigned long alone;		/* vectors that are silenced alone */
	unsigned long unsure;		/* vectors of which nothing is promised now */
	unsigned long pending;		/* interrupts that may arrive later */

	bool has_node;			/* on the list, or about to be released */
	unsigned int managed_id, last_id;
	struct handler handlers[MAX_HANDLERS];
	struct action actions[MAX_STEPS];
	struct entry list[4 * MAX_STEPS];
	unsigned int entries;
	unsigned int enabled;		/* by pci_enable_device() */
	bool saved;

	unsigned int reports[REPORTS];	/* that the step makes */
};

extern struct model model;
extern unsigned long happened[HAPPENINGS];

int model_expects(unsigned int flags, unsigned int min, unsigned int max);
void model_sets_up(void);
void model_allocates(enum owner owner, unsigned int type, unsigned long vectors);
void model_frees(enum owner caller);
void model_frees_handler(unsigned int slot);
void model_frees_one(unsigned int vector);
bool model_has_handler(unsigned int vector);
bool model_sends(unsigned int vector);
void model_adds(enum entry_kind kind, unsigned int which);
void model_removes(enum entry_kind kind, unsigned int which);
int model_finds(enum entry_kind kind, unsigned int which);
int model_newest_open(void);
unsigned int model_counts(enum entry_kind kind);
bool model_can_release(unsigned int group);
void model_releases(unsigned int group);
void model_detaches(void);

/* --- The kernel's side --- */

/* generate.c */
void generate(struct sequence *sequence, unsigned int kinds);

/* calls.c */
void make_call(const struct step *step, int at);

/* check.c */
void check_init(void);
void check_begin(void);
void check_step(void);
void expect_count(int handler, int least, int most);

/* main.c */
__printf(1, 2) void say(const char *format, ...);
__printf(1, 2) void wrong(const char *format, ...);
bool is_wrong(void);

#define expect(what, got, expected) do {						\
	long __got = (got), __expected = (expected);					\
	if (__got != __expected)							\
		wrong("%s: expected %ld, got %ld", what, __expected, __got);		\
} while (0)

#endif
