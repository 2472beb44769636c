// SPDX-License-Identifier: GPL-2.0
/*
 * This is the fixture of the KUnit suites that test interrupt-vector ownership
 * as C drivers see it.
 *
 * Every case runs once with MSI and once with MSI-X, on functions of the
 * software PCI bus. Cases that need hardware also run on devices of QEMU, if the
 * machine has them: "edu" has one MSI vector, "e1000e" has five MSI-X vectors. A
 * case acts as the driver of the device: it binds, makes the calls that drivers
 * make, detaches, and checks what is left.
 */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kmsg_dump.h>
#include <linux/module.h>
#include <linux/pci-soft.h>
#include <linux/sizes.h>

#include "ownership_kunit.h"

static const struct hardware on_soft[] = { MSI_ON_SOFT, MSIX_ON_SOFT };
static const struct hardware on_all[] = {
	MSI_ON_SOFT, MSIX_ON_SOFT, MSI_ON_EDU, MSIX_ON_E1000E,
};

const struct hardware ownership_msix = MSIX_ON_SOFT;

KUNIT_ARRAY_PARAM_DESC(soft, on_soft, name);
KUNIT_ARRAY_PARAM_DESC(all, on_all, name);

/* Runs a case on both software functions. */
const void *ownership_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return soft_gen_params(test, prev, desc);
}

static bool is_soft(const struct hardware *hw)
{
	return hw->vendor == SOFT_VENDOR;
}

/*
 * Skips the parameters for hardware that the machine does not have, or from
 * which it takes no messages.
 */
const void *ownership_gen_present(ownership_gen gen, struct kunit *test, const void *prev,
				  char *desc)
{
	const struct hardware *hw = prev;
	struct pci_dev *pdev;
	bool usable;

	do {
		hw = gen(test, hw, desc);
		if (!hw || is_soft(hw))
			return hw;
		pdev = pci_get_device(hw->vendor, hw->device, NULL);
		usable = pdev && dev_get_msi_domain(&pdev->dev);
		pci_dev_put(pdev);
	} while (!usable);
	return hw;
}

/*
 * Runs a case on both software functions and on the hardware that the machine
 * has.
 */
const void *ownership_gen_all(struct kunit *test, const void *prev, char *desc)
{
	return ownership_gen_present(all_gen_params, test, prev, desc);
}

const char * const ownership_call_name[] = {
	"pci_alloc_irq_vectors", "pci_alloc_irq_vectors_affinity",
	"pci_enable_msi", "pci_enable_msix_range", "pci_enable_msix_exact",
	"pcim_alloc_irq_vectors", "pcim_alloc_irq_vectors_affinity",
};

/* Allocates one vector by @call. Returns 0 if the call has no such type. */
int ownership_alloc(struct pci_dev *pdev, enum alloc_call call, unsigned int type)
{
	struct msix_entry entry = { .entry = 0 };
	int ret;

	switch (call) {
	case PCI_ALLOC:
		return pci_alloc_irq_vectors(pdev, 1, 1, type);
	case PCI_ALLOC_AFFINITY:
		return pci_alloc_irq_vectors_affinity(pdev, 1, 1, type, NULL);
	case PCI_ENABLE_MSI:
		if (type != PCI_IRQ_MSI)
			return 0;
		ret = pci_enable_msi(pdev);
		return ret ?: 1;
	case PCI_ENABLE_MSIX_RANGE:
		if (type != PCI_IRQ_MSIX)
			return 0;
		return pci_enable_msix_range(pdev, &entry, 1, 1);
	case PCI_ENABLE_MSIX_EXACT:
		if (type != PCI_IRQ_MSIX)
			return 0;
		ret = pci_enable_msix_exact(pdev, &entry, 1);
		return ret ?: 1;
	case PCIM_ALLOC:
		return pcim_alloc_irq_vectors(pdev, 1, 1, type);
	default:
		return pcim_alloc_irq_vectors_affinity(pdev, 1, 1, type, NULL);
	}
}

/* Frees what @call allocated, as its owner does. */
void ownership_free(struct pci_dev *pdev, enum alloc_call call)
{
	if (makes_managed(call))
		pcim_free_irq_vectors(pdev);
	else
		pci_free_irq_vectors(pdev);
}

/* --- The driver --- */

/* A case sets these functions for its driver, which does not bind without them. */
static int (*probe_of_case)(struct pci_dev *pdev);
static void (*remove_of_case)(struct pci_dev *pdev);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return probe_of_case ? probe_of_case(pdev) : -ENODEV;
}

static void remove(struct pci_dev *pdev)
{
	/* Without a remove function devres cleans up. */
	if (remove_of_case)
		remove_of_case(pdev);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(SOFT_VENDOR, 1) },
	{ PCI_DEVICE(SOFT_VENDOR, 2) },
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10d3) },
	{ }
};

static struct pci_driver driver = {
	.name = "pci_ownership_kunit",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

int probe_nothing(struct pci_dev *pdev)
{
	return 0;
}

int probe_enable(struct pci_dev *pdev)
{
	return pcim_enable_device(pdev);
}

void bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev))
{
	probe_of_case = probe;
	KUNIT_ASSERT_EQ(test, device_attach(&dev_of(test)->dev), 1);
}

/* Checks that nothing is left of a driver. */
static void expect_unbound(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	probe_of_case = NULL;
	remove_of_case = NULL;
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	KUNIT_EXPECT_EQ(test, devres_entries(pdev), 0);
	KUNIT_EXPECT_PTR_EQ(test, pdev->dev.msi.data, NULL);
}

/* Binds with a @probe that fails, and checks that nothing is left of it. */
void fail_to_bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev))
{
	probe_of_case = probe;
	KUNIT_EXPECT_EQ(test, device_attach(&dev_of(test)->dev), 0);
	expect_unbound(test);
}

/* Sets what the driver does when it is detached the next time. */
void remove_with(void (*remove)(struct pci_dev *pdev))
{
	remove_of_case = remove;
}

/* Detaches and checks that nothing is left. */
void detach(struct kunit *test)
{
	device_release_driver(&dev_of(test)->dev);
	expect_unbound(test);
}

/* Checks that the next driver can allocate and free. */
void next_driver_works(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_with(test, probe_enable);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
	KUNIT_EXPECT_GT(test, pci_irq_vector(pdev, 0), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	detach(test);
}

/* The software bus has a function with MSI, one with MSI-X, and one with neither. */
static const struct pci_soft_desc soft_descs[] = {
	{
		.vendor = SOFT_VENDOR, .device = 1, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K } },
		.pm = true, .intx = true, .msi_vectors = 1,
	},
	{
		.vendor = SOFT_VENDOR, .device = 2, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K }, { SZ_4K } },
		.pm = true, .express = true, .intx = true, .msix_vectors = SOURCE_VECTORS,
		.msix_bar = 1,
	},
	{
		.vendor = SOFT_VENDOR, .device = 3, .class = PCI_CLASS_OTHERS << 16,
	},
};

static struct pci_soft_func *soft_funcs[ARRAY_SIZE(soft_descs)];

/* Returns the device of a case that needs one without MSI and MSI-X; no driver binds to it. */
struct pci_dev *ownership_device_without_vectors(void)
{
	return pci_soft_dev(soft_funcs[2]);
}

int ownership_init(struct kunit *test)
{
	const struct hardware *hw = hardware_of(test);
	struct pci_dev *pdev = pci_get_device(hw->vendor, hw->device, NULL);

	test->priv = pdev;
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	if (pdev->dev.driver)
		kunit_skip(test, "somebody else's driver is bound");
	forget_reports();
	return 0;
}

void ownership_exit(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	/* A case that failed early leaves the device bound. */
	remove_of_case = NULL;
	if (pdev && pdev->driver == &driver)
		device_release_driver(&pdev->dev);
	probe_of_case = NULL;
	pci_dev_put(pdev);
}

/* Each suite registers the driver and adds the software functions for itself. */
int ownership_suite_init(struct kunit_suite *suite)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(soft_funcs); i++) {
		soft_funcs[i] = pci_soft_add(&soft_descs[i]);
		if (IS_ERR(soft_funcs[i])) {
			ret = PTR_ERR(soft_funcs[i]);
			goto fail;
		}
	}
	ret = pci_register_driver(&driver);
	if (!ret)
		return 0;
fail:
	pr_err("no software functions to test with: %d\n", ret);
	while (i--)
		pci_soft_remove(soft_funcs[i]);
	return ret;
}

void ownership_suite_exit(struct kunit_suite *suite)
{
	unsigned int i;

	pci_unregister_driver(&driver);
	for (i = 0; i < ARRAY_SIZE(soft_funcs); i++)
		pci_soft_remove(soft_funcs[i]);
}

/* --- The interrupts of the device --- */

/*
 * edu raises an interrupt when the first register is written, and lowers it
 * when the second is written.
 */
#define EDU_RAISE	0x60
#define EDU_ACKNOWLEDGE	0x64

/* These are registers of e1000e, see samples/rust/rust_driver_pci_msix.rs. */
#define E1000E_ICR	0xc0
#define E1000E_ICS	0xc8
#define E1000E_IMS	0xd0
#define E1000E_IMC	0xd8
#define E1000E_EIAC	0xdc
#define E1000E_IVAR	0xe4
#define E1000E_CAUSE(vector)	BIT(20 + (vector))
#define E1000E_CAUSES		GENMASK(24, 20)
/* Cause N interrupts through vector N. */
#define E1000E_VECTORS		0x000cba98

static struct {
	enum { SOFT, EDU, E1000E } kind;
	struct pci_soft_func *func;	/* if it is made of software */
	void __iomem *bar;		/* if it is not */
	atomic_t seen[SOURCE_VECTORS];
} source;

/* Stops the device from interrupting. */
static void quieten(void)
{
	switch (source.kind) {
	case SOFT:
		pci_soft_lower(source.func);
		break;
	case EDU:
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
		break;
	case E1000E:
		writel(~0, source.bar + E1000E_IMC);
		break;
	}
}

static void power_off(void *pdev)
{
	quieten();
	if (source.kind != SOFT)
		pci_iounmap(pdev, source.bar);
	pci_disable_device(pdev);
}

/* Enables the device to interrupt until the end of the case, whether a driver is bound or not. */
void power_on(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	bool msi = type_of(test) == PCI_IRQ_MSI;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, pci_enable_device(pdev), 0);
	pci_set_master(pdev);
	if (is_soft(hardware_of(test))) {
		source.kind = SOFT;
		source.func = soft_funcs[msi ? 0 : 1];
	} else {
		source.kind = msi ? EDU : E1000E;
		source.bar = pci_iomap(pdev, 0, 0);
		KUNIT_ASSERT_TRUE(test, source.bar);
	}
	for (i = 0; i < SOURCE_VECTORS; i++)
		atomic_set(&source.seen[i], 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, power_off, pdev), 0);
}

/* The handler of a vector is registered with this as its dev_id. */
void *source_vector(unsigned int vector)
{
	return &source.seen[vector];
}

/* Counts the interrupts of its vector. */
irqreturn_t source_handler(int irq, void *vector)
{
	atomic_inc(vector);
	if (source.kind == EDU)
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
	return IRQ_HANDLED;
}

/* Raises the interrupt of a vector. */
void raise_interrupt(unsigned int vector)
{
	switch (source.kind) {
	case SOFT:
		pci_soft_raise(source.func, vector);
		break;
	case EDU:
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
		writel(1, source.bar + EDU_RAISE);
		break;
	case E1000E:
		/* A reset may have cleared all of these. */
		writel(~0, source.bar + E1000E_IMC);
		writel(E1000E_CAUSES, source.bar + E1000E_ICR);
		writel(E1000E_VECTORS, source.bar + E1000E_IVAR);
		writel(E1000E_CAUSES, source.bar + E1000E_EIAC);
		writel(E1000E_CAUSE(vector), source.bar + E1000E_IMS);
		writel(E1000E_CAUSE(vector), source.bar + E1000E_ICS);
		break;
	}
}

/* Lowers an interrupt that nobody has handled. */
void lower_interrupt(void)
{
	quieten();
	/*
	 * e1000e delays an interrupt until 128 us after the previous one. MSI-X
	 * must still be enabled at that time, or QEMU stops the machine.
	 */
	if (source.kind != SOFT)
		fsleep(5 * USEC_PER_MSEC);
}

/* Raises the interrupt of a vector, and returns how often its handler has run soon after. */
unsigned int raise_and_count(unsigned int vector)
{
	unsigned int before = atomic_read(&source.seen[vector]);

	raise_interrupt(vector);
	if (source.kind == SOFT)
		pci_soft_flush();
	else
		msleep(30);
	lower_interrupt();
	return atomic_read(&source.seen[vector]) - before;
}

/* Raises the interrupt of a vector, and returns whether its handler runs. */
bool delivers(unsigned int vector)
{
	unsigned int before = atomic_read(&source.seen[vector]);
	int tries = 2000;

	raise_interrupt(vector);
	while (atomic_read(&source.seen[vector]) == before && --tries)
		usleep_range(500, 1000);
	lower_interrupt();
	return tries;
}

/*
 * Checks that the device can send no message, and does not use its INTx line
 * instead.
 */
bool is_silent(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	u16 command, control;

	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_INTX_DISABLE))
		return false;
	if (type_of(test) == PCI_IRQ_MSI) {
		pci_read_config_word(pdev, pdev->msi_cap + PCI_MSI_FLAGS, &control);
		return !(control & PCI_MSI_FLAGS_ENABLE);
	}
	pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, &control);
	return control & PCI_MSIX_FLAGS_MASKALL;
}

/* --- The reports --- */

static struct kmsg_dump_iter reports;

/* Makes next_report() begin with what is printed from now on. */
void forget_reports(void)
{
	kmsg_dump_rewind(&reports);
	reports.cur_seq = reports.next_seq;
}

/* Returns the next report, without what precedes it and without the end of the line. */
static const char *next_report(void)
{
	static char line[512];
	char *report;
	size_t len;

	while (kmsg_dump_get_line(&reports, false, line, sizeof(line) - 1, &len)) {
		line[len] = '\0';
		report = strstr(line, ": irq vectors: ");
		if (report)
			return strim(report + strlen(": irq vectors: "));
	}
	return NULL;
}

/* Checks that since the last look there were @count reports, all of them like this. */
void expect_reports(struct kunit *test, unsigned int count, const char *format, ...)
{
	unsigned int found = 0;
	char expected[256];
	const char *report;
	va_list args;

	va_start(args, format);
	vscnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	while ((report = next_report())) {
		KUNIT_EXPECT_STREQ(test, report, expected);
		found++;
	}
	KUNIT_EXPECT_EQ_MSG(test, found, count, "reports of '%s'", expected);
}

void expect_no_report(struct kunit *test)
{
	const char *report;

	while ((report = next_report()))
		KUNIT_FAIL(test, "there is a report: %s", report);
}

MODULE_DESCRIPTION("KUnit tests of PCI interrupt-vector ownership");
MODULE_LICENSE("GPL");
