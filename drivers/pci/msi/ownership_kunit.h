/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites of interrupt-vector ownership share: the devices, the
 * driver that binds to them, and what the kernel has reported about it.
 */
#ifndef DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H
#define DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H

#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/pci.h>

/* Every parameter of a case begins with the hardware it is about. */
struct hardware {
	const char *name;
	unsigned int vendor, device;
	unsigned int type;
};

#define MSI_ON_EDU	{ "MSI on edu", 0x1234, 0x11e8, PCI_IRQ_MSI }
#define MSIX_ON_E1000E	{ "MSI-X on e1000e", PCI_VENDOR_ID_INTEL, 0x10d3, PCI_IRQ_MSIX }

/* Two parameters with what is in parentheses after the hardware. */
#define ON_BOTH(...)	{ MSI_ON_EDU, __VA_ARGS__ }, { MSIX_ON_E1000E, __VA_ARGS__ }

extern const struct hardware ownership_hardware[2];

const void *ownership_gen_params(struct kunit *test, const void *prev, char *desc);

/* The calls that allocate. */
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

/* The calls before this one leave the vectors to the driver. */
#define FIRST_MANAGED PCIM_ALLOC

extern const char * const ownership_call_name[ALLOC_CALLS];

static inline bool is_managed(enum alloc_call call)
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
static inline const struct hardware *hardware_of(struct kunit *test)
{
	return test->param_value ?: &ownership_hardware[1];
}

static inline unsigned int type_of(struct kunit *test)
{
	return hardware_of(test)->type;
}

static inline const char *type_name(struct kunit *test)
{
	return type_of(test) == PCI_IRQ_MSI ? "MSI" : "MSI-X";
}

/* The device of the case. */
static inline struct pci_dev *dev_of(struct kunit *test)
{
	return test->priv;
}

/* The driver. */
int ownership_suite_init(struct kunit_suite *suite);
void ownership_suite_exit(struct kunit_suite *suite);
int ownership_init(struct kunit *test);
void ownership_exit(struct kunit *test);

int probe_nothing(struct pci_dev *pdev);
int probe_enable(struct pci_dev *pdev);
void bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev));
void fail_to_bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev));
void remove_with(void (*remove)(struct pci_dev *pdev));
void detach(struct kunit *test);
void next_driver_works(struct kunit *test);

/* The interrupts of the device. */
#define SOURCE_VECTORS 5
void power_on(struct kunit *test);
irqreturn_t source_handler(int irq, void *vector);
void *source_vector(unsigned int vector);
void raise_interrupt(unsigned int vector);
void lower_interrupt(void);
unsigned int raise_and_count(unsigned int vector);
bool delivers(unsigned int vector);

/* The reports. */
void forget_reports(void);
__printf(3, 4) void expect_reports(struct kunit *test, unsigned int count, const char *format, ...);
void expect_no_report(struct kunit *test);

#endif /* DRIVERS_PCI_MSI_OWNERSHIP_KUNIT_H */
