// SPDX-License-Identifier: GPL-2.0
/* Tests enabling and pinning the device, INTx, and Memory-Write-Invalidate. */

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

/* The device is enabled while its driver is bound, and disabled afterwards. */
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

/* Each call counts, and each is undone. */
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

/* If the driver also called pci_enable_device(), it has to disable the device itself. */
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

	/* A driver that disables a managed device does so once too often, which is reported. */
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

/*
 * With a BAR that has no address, the device is not enabled and no entry is added. A device that
 * was managed before stays managed.
 */
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

/* A pinned device stays enabled, whenever it was pinned, and for all later drivers. */
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

/* A device that is neither bound nor enabled can be pinned. */
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

/* Whatever the later calls did, detach restores the setting that the first call found. */
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

/*
 * Enabling the device enables INTx. What is restored depends on whether that came before the first
 * call or after it.
 */
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

/* A device that does not answer reads as all ones, which means that INTx is disabled. */
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

/*
 * MWI is enabled while the driver is bound, and disabled afterwards, however often it was enabled.
 */
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

/* Without a cache line size the call fails, and MWI stays as an earlier call has set it. */
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
