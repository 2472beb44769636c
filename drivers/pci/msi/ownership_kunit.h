/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The KUnit suites of interrupt-vector ownership share this: the devices, the
 * driver that binds to them, and access to the kernel's reports.
 */
#ifndef DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H
#define DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H

#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/pci.h>

#include "ownership.h"

/* Every parameter of a case begins with the hardware it is about. */
struct hardware {
	const char *name;
	unsigned int vendor, device;
	unsigned int type;
};

/* Functions of the software PCI bus. The vendor ID is assigned to nobody. */
#define SOFT_VENDOR	0x50c0
#define MSI_ON_SOFT	{ "MSI", SOFT_VENDOR, 1, PCI_IRQ_MSI }
#define MSIX_ON_SOFT	{ "MSI-X", SOFT_VENDOR, 2, PCI_IRQ_MSIX }

/*
 * These are devices of QEMU, whose interrupts go through the machine's own
 * interrupt controller.
 */
#define MSI_ON_EDU	{ "MSI on edu", 0x1234, 0x11e8, PCI_IRQ_MSI }
#define MSIX_ON_E1000E	{ "MSI-X on e1000e", PCI_VENDOR_ID_INTEL, 0x10d3, PCI_IRQ_MSIX }

/* ON_BOTH makes two parameters, one for each software function, with the same further members. */
#define ON_BOTH(...)	{ MSI_ON_SOFT, __VA_ARGS__ }, { MSIX_ON_SOFT, __VA_ARGS__ }
/* ON_ALL makes two more, for QEMU's devices. */
#define ON_ALL(...)	ON_BOTH(__VA_ARGS__), \
			{ MSI_ON_EDU, __VA_ARGS__ }, { MSIX_ON_E1000E, __VA_ARGS__ }

/*
 * How often a case repeats what only goes wrong sometimes. With KASAN each round takes ten times as
 * long.
 */
#define ROUNDS(n) (IS_ENABLED(CONFIG_KASAN) ? (n) / 10 : (n))

typedef const void *(*ownership_gen)(struct kunit *test, const void *prev, char *desc);

const void *ownership_gen_params(struct kunit *test, const void *prev, char *desc);
const void *ownership_gen_all(struct kunit *test, const void *prev, char *desc);
const void *ownership_gen_present(ownership_gen gen, struct kunit *test, const void *prev,
				  char *desc);

/* These calls allocate vectors. */
enum alloc_call {
	PCI_ALLOC,
	PCI_ALLOC_AFFINITY,
	PCI_ENABLE_MSI,
	PCI_ENABLE_MSIX_RANGE,
	PCI_ENABLE_MSIX_EXACT,
	PCIM_ALLOC,
	PCIM_ALLOC_AFFINITY,
	ALLOC_CALLS,
};

/* The calls before this one make the driver the owner of the vectors. */
#define FIRST_MANAGED PCIM_ALLOC

extern const char * const ownership_call_name[ALLOC_CALLS];

static inline bool makes_managed(enum alloc_call call)
{
	return call >= FIRST_MANAGED;
}

int ownership_alloc(struct pci_dev *pdev, enum alloc_call call, unsigned int type);
void ownership_free(struct pci_dev *pdev, enum alloc_call call);

static inline bool has_vectors(struct pci_dev *pdev)
{
	return pdev->msi_enabled || pdev->msix_enabled;
}

static inline size_t devres_entries(struct pci_dev *pdev)
{
	return list_count_nodes(&pdev->dev.devres_head);
}

/* Cases without a parameter are about MSI-X. */
extern const struct hardware ownership_msix;

static inline const struct hardware *hardware_of(struct kunit *test)
{
	return test->param_value ?: &ownership_msix;
}

static inline unsigned int type_of(struct kunit *test)
{
	return hardware_of(test)->type;
}

static inline const char *type_name(struct kunit *test)
{
	return type_of(test) == PCI_IRQ_MSI ? "MSI" : "MSI-X";
}

/* These functions concern the device of the case. */
static inline struct pci_dev *dev_of(struct kunit *test)
{
	return test->priv;
}

/* These functions concern the driver. */
int ownership_suite_init(struct kunit_suite *suite);
void ownership_suite_exit(struct kunit_suite *suite);
struct pci_dev *ownership_device_without_vectors(void);
int ownership_init(struct kunit *test);
void ownership_exit(struct kunit *test);

int probe_nothing(struct pci_dev *pdev);
int probe_enable(struct pci_dev *pdev);
void bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev));
void fail_to_bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev));
void remove_with(void (*remove)(struct pci_dev *pdev));
void detach(struct kunit *test);
void next_driver_works(struct kunit *test);

/* The calls of the rule, as ownership_rule.h names them. */
enum rule_call {
	RULE_ALLOC_EXPLICIT,
	RULE_ALLOC_MANAGED,
	RULE_ALLOC_DETACHING,
	RULE_FREE_EXPLICIT,
	RULE_FREE_MANAGED,
	RULE_FREE_OTHER_TYPE,
	RULE_FREE_GUARD,
	RULE_CLAIM,
	RULE_ADD_ONE,
	RULE_ADD_DETACHING,
	RULE_FREE_ONE,
	RULE_RELEASE_GROUP,
	RULE_DETACH,
};

void ask_rule(struct kunit *test, enum pci_irq_owner owner, unsigned int calls, bool handler);

/* These functions concern the interrupts of the device. */
bool is_silent(struct kunit *test);
#define SOURCE_VECTORS 5
void power_on(struct kunit *test);
irqreturn_t source_handler(int irq, void *vector);
void *source_vector(unsigned int vector);
void raise_interrupt(unsigned int vector);
void lower_interrupt(void);
unsigned int raise_and_count(unsigned int vector);
bool delivers(unsigned int vector);

/* These functions concern the reports in the kernel log. */
void forget_reports(void);
__printf(3, 4) void expect_reports(struct kunit *test, unsigned int count, const char *format, ...);
void expect_no_report(struct kunit *test);

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H */
