// SPDX-License-Identifier: GPL-2.0
/* Enabling and pinning the device, INTx, and Memory-Write-Invalidate. */

#include "suite.h"

static const struct hardware several[] = { EDU, E1000E, AC97, BRIDGE };
KUNIT_ARRAY_PARAM(several, several, hardware_name);

#define DECODES (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

static int enabled(struct pci_dev *pdev)
{
	return atomic_read(&pdev->enable_cnt);
}

static bool intx_is_on(struct pci_dev *pdev)
{
	return !(command(pdev) & PCI_COMMAND_INTX_DISABLE);
}

static void pin(struct pci_dev *pdev)
{
	say("pcim_pin_device()");
	pcim_pin_device(pdev);
}

/* On while bound, off after. */
static void enable_once(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	KUNIT_EXPECT_TRUE(test, pdev->is_managed);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 1);
	KUNIT_EXPECT_NE(test, command(pdev) & DECODES, 0);
	pci_set_master(pdev);
	show(pdev);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 0);
	KUNIT_EXPECT_EQ(test, command(pdev) & PCI_COMMAND_MASTER, 0);
}

/* Each time counts, and is undone. */
static void enable_often(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int i;

	bind(test);
	for (i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, enable(pdev), 0);
		KUNIT_EXPECT_EQ(test, enabled(pdev), i);
	}
	show(pdev);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 0);
}

/* What the driver enabled by itself is its own to disable. */
static void enable_both_ways(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, pci_enable_device(pdev), 0);
	KUNIT_EXPECT_FALSE(test, pdev->is_managed);
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 1);
	pci_disable_device(pdev);

	/* A driver that disables what is managed: once too often, and reported. */
	bind_enabled(test);
	pci_disable_device(pdev);
	show(pdev);
	kunit_warning_suppress(test) {
		detach(test);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, enabled(pdev), -1);
	atomic_set(&pdev->enable_cnt, 0);
}

/* A BAR without an address: no device, no entry, and what was managed before stays so. */
static void enable_fails(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct resource *bar = &pdev->resource[0];

	bind(test);
	bar->flags |= IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ(test, enable(pdev), -EINVAL);
	KUNIT_EXPECT_FALSE(test, pdev->is_managed);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	bar->flags &= ~IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	pci_disable_device(pdev);
	bar->flags |= IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ(test, enable(pdev), -EINVAL);
	KUNIT_EXPECT_TRUE(test, pdev->is_managed);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	show(pdev);
	bar->flags &= ~IORESOURCE_UNSET;
	KUNIT_EXPECT_EQ(test, pci_enable_device(pdev), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 0);
}

/* A pinned device stays as it is, whenever it was pinned, and for every driver that comes after. */
static void pinned(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	pin(pdev);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 0);
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 1);
	KUNIT_EXPECT_TRUE(test, pdev->pinned);

	bind_enabled(test);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 2);
	pdev->pinned = false;
	pci_disable_device(pdev);
	pci_disable_device(pdev);

	bind_enabled(test);
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	pin(pdev);
	pin(pdev);
	show(pdev);
	detach(test);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 2);
}

/* One that is not even bound or enabled can be pinned. */
static void pinned_alone(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	pin(pdev);
	show(pdev);
	bind(test);
	detach(test);
	KUNIT_EXPECT_TRUE(test, pdev->pinned);
	KUNIT_EXPECT_EQ(test, enabled(pdev), 0);
}

/* Whatever is done in between, detach brings back what the first call found. */
static void intx_restored(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int was, first;

	for (was = 0; was < 2; was++)
		for (first = 0; first < 2; first++) {
			pci_intx(pdev, was);
			bind(test);
			KUNIT_EXPECT_EQ(test, intx(pdev, first), 0);
			KUNIT_EXPECT_EQ(test, intx_is_on(pdev), first);
			KUNIT_EXPECT_EQ(test, intx(pdev, !first), 0);
			KUNIT_EXPECT_EQ(test, intx_is_on(pdev), !first);
			KUNIT_EXPECT_EQ(test, intx(pdev, 2), 0);
			KUNIT_EXPECT_EQ(test, intx(pdev, -1), 0);
			KUNIT_EXPECT_TRUE(test, intx_is_on(pdev));
			KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
			KUNIT_EXPECT_EQ(test, entries(pdev), 1);
			show(pdev);
			detach(test);
			KUNIT_EXPECT_EQ(test, intx_is_on(pdev), was);
		}
}

/* Enabling the device switches INTx on; before or after decides what is restored. */
static void intx_and_enable(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	pci_intx(pdev, 0);
	bind_enabled(test);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, intx_is_on(pdev));

	pci_intx(pdev, 0);
	bind(test);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	KUNIT_EXPECT_TRUE(test, intx_is_on(pdev));
	detach(test);
	KUNIT_EXPECT_FALSE(test, intx_is_on(pdev));
}

/* A device that does not answer reads as all ones, which is INTx off. */
static void intx_unreadable(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	pdev->error_state = pci_channel_io_perm_failure;
	KUNIT_EXPECT_EQ(test, intx(pdev, 1), 0);
	pdev->error_state = pci_channel_io_normal;
	KUNIT_EXPECT_TRUE(test, intx_is_on(pdev));
	detach(test);
	KUNIT_EXPECT_FALSE(test, intx_is_on(pdev));
}

/* On while bound, off after, however often. */
static void mwi_set(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	emulate_mwi();
	bind(test);
	KUNIT_EXPECT_EQ(test, mwi(pdev), 0);
	KUNIT_EXPECT_NE(test, command(pdev) & PCI_COMMAND_INVALIDATE, 0);
	KUNIT_EXPECT_EQ(test, mwi(pdev), 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 2);
	show(pdev);
	detach(test);
	KUNIT_EXPECT_EQ(test, command(pdev) & PCI_COMMAND_INVALIDATE, 0);
}

/* Without a cache line size there is none, and the earlier one stays. */
static void mwi_fails(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	emulate_mwi();
	bind(test);
	KUNIT_EXPECT_EQ(test, mwi(pdev), 0);
	emulate_no_cache_line();
	KUNIT_EXPECT_EQ(test, mwi(pdev), -EINVAL);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	KUNIT_EXPECT_NE(test, command(pdev) & PCI_COMMAND_INVALIDATE, 0);
	detach(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, mwi(pdev), -EINVAL);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	detach(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(enable_once, several_gen_params),
	KUNIT_CASE(enable_often),
	KUNIT_CASE(enable_both_ways),
	KUNIT_CASE(enable_fails),
	KUNIT_CASE_PARAM(pinned, several_gen_params),
	KUNIT_CASE(pinned_alone),
	KUNIT_CASE_PARAM(intx_restored, several_gen_params),
	KUNIT_CASE(intx_and_enable),
	KUNIT_CASE(intx_unreadable),
	KUNIT_CASE_PARAM(mwi_set, several_gen_params),
	KUNIT_CASE(mwi_fails),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_device",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
