// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of interrupt-vector ownership, as C drivers see it: the fixture.
 *
 * Every case runs on real (emulated) hardware, once with MSI and once with
 * MSI-X: QEMU's "edu" has one MSI vector, "e1000e" has five MSI-X vectors.
 * The case is the driver of the device: it binds, makes the calls that
 * drivers make, detaches, and looks at what is left.
 */

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kmsg_dump.h>
#include <linux/module.h>

#include "ownership_kunit.h"

const struct hardware ownership_hardware[] = { MSI_ON_EDU, MSIX_ON_E1000E };

static void hardware_name(const struct hardware *hw, char *desc)
{
	strscpy(desc, hw->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(hardware, ownership_hardware, hardware_name);

/* Runs a case on both devices. */
const void *ownership_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return hardware_gen_params(test, prev, desc);
}

const char * const ownership_call_name[] = {
	"pci_alloc_irq_vectors", "pci_alloc_irq_vectors_affinity",
	"pci_enable_msi", "pci_enable_msix_range", "pci_enable_msix_exact",
	"pcim_alloc_irq_vectors", "pcim_alloc_irq_vectors_affinity",
};

/* Allocates one vector by @call; 0 says that the call has no such type. */
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
	if (is_managed(call))
		pcim_free_irq_vectors(pdev);
	else
		pci_free_irq_vectors(pdev);
}

/* --- The driver --- */

/* What a case has its driver do; no driver binds otherwise. */
static int (*probe_of_case)(struct pci_dev *pdev);
static void (*remove_of_case)(struct pci_dev *pdev);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return probe_of_case ? probe_of_case(pdev) : -ENODEV;
}

static void remove(struct pci_dev *pdev)
{
	/* Otherwise what is left is left to devres. */
	if (remove_of_case)
		remove_of_case(pdev);
}

static const struct pci_device_id ids[] = {
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

/* What the driver does when it is detached the next time. */
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

/* A next driver allocates and frees as if nothing had been. */
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

int ownership_init(struct kunit *test)
{
	const struct hardware *hw = hardware_of(test);
	struct pci_dev *pdev = pci_get_device(hw->vendor, hw->device, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no %s: run QEMU with -device edu -device e1000e",
				  hw->name);
	test->priv = pdev;
	KUNIT_ASSERT_NULL_MSG(test, pdev->dev.driver, "somebody else's driver is bound");
	forget_reports();
	return 0;
}

void ownership_exit(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	/* A case that was cut short leaves the device bound. */
	remove_of_case = NULL;
	if (pdev && pdev->driver == &driver)
		device_release_driver(&pdev->dev);
	probe_of_case = NULL;
	pci_dev_put(pdev);
}

/* Each suite has the driver to itself. */
int ownership_suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

void ownership_suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

/* --- The interrupts of the device --- */

/* edu: raises an interrupt, and lowers it. */
#define EDU_RAISE	0x60
#define EDU_ACKNOWLEDGE	0x64

/* e1000e: see samples/rust/rust_driver_pci_msix.rs. */
#define E1000E_ICR	0xc0
#define E1000E_ICS	0xc8
#define E1000E_IMS	0xd0
#define E1000E_IMC	0xd8
#define E1000E_EIAC	0xdc
#define E1000E_IVAR	0xe4
#define E1000E_CAUSE(vector)	BIT(20 + (vector))
#define E1000E_CAUSES		GENMASK(24, 20)
/* Each cause has the vector of its number. */
#define E1000E_VECTORS		0x000cba98

static struct {
	bool is_edu;
	void __iomem *bar;
	atomic_t seen[SOURCE_VECTORS];
} source;

static void power_off(void *pdev)
{
	if (source.is_edu)
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
	else
		writel(~0, source.bar + E1000E_IMC);
	pci_iounmap(pdev, source.bar);
	pci_disable_device(pdev);
}

/* Makes the device able to interrupt until the case is over, whether a driver is bound or not. */
void power_on(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, pci_enable_device(pdev), 0);
	pci_set_master(pdev);
	source.bar = pci_iomap(pdev, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, source.bar);
	source.is_edu = type_of(test) == PCI_IRQ_MSI;
	for (i = 0; i < SOURCE_VECTORS; i++)
		atomic_set(&source.seen[i], 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, power_off, pdev), 0);
}

/* What the handler of a vector is registered with. */
void *source_vector(unsigned int vector)
{
	return &source.seen[vector];
}

/* Counts the interrupts of its vector. */
irqreturn_t source_handler(int irq, void *vector)
{
	atomic_inc(vector);
	if (source.is_edu)
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
	return IRQ_HANDLED;
}

/* Raises the interrupt of a vector. */
void raise_interrupt(unsigned int vector)
{
	if (source.is_edu) {
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
		writel(1, source.bar + EDU_RAISE);
		return;
	}
	/* A reset may have cleared all of these. */
	writel(~0, source.bar + E1000E_IMC);
	writel(E1000E_CAUSES, source.bar + E1000E_ICR);
	writel(E1000E_VECTORS, source.bar + E1000E_IVAR);
	writel(E1000E_CAUSES, source.bar + E1000E_EIAC);
	writel(E1000E_CAUSE(vector), source.bar + E1000E_IMS);
	writel(E1000E_CAUSE(vector), source.bar + E1000E_ICS);
}

/* Takes it back, if nobody has handled it. */
void lower_interrupt(void)
{
	if (source.is_edu)
		writel(~0, source.bar + EDU_ACKNOWLEDGE);
	else
		writel(~0, source.bar + E1000E_IMC);
	/*
	 * e1000e holds an interrupt back for 128 us after another, and must
	 * not find MSI-X off when that is over: QEMU's stops the machine then.
	 */
	fsleep(5 * USEC_PER_MSEC);
}

/* Raises the interrupt of a vector, and returns how often its handler has run soon after. */
unsigned int raise_and_count(unsigned int vector)
{
	unsigned int before = atomic_read(&source.seen[vector]);

	raise_interrupt(vector);
	msleep(30);
	lower_interrupt();
	return atomic_read(&source.seen[vector]) - before;
}

/* Raises the interrupt of a vector, and tells whether its handler runs. */
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

/* --- The reports --- */

static struct kmsg_dump_iter reports;

/* Has the next look at the reports begin with what is printed from now on. */
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
