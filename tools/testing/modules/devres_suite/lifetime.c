// SPDX-License-Identifier: GPL-2.0
/*
 * Tests when resources are released, and in which order: at detach, after a failed probe, with devres groups, and of devices
 * without a driver.
 */

#include "suite.h"

static const struct hardware e1000e[] = { E1000E };
KUNIT_ARRAY_PARAM(e1000e, e1000e, hardware_name);

/* An entry between two others, which records the state of the device when it is released. */
struct marker {
	struct pci_dev *pdev;
	const char *name;
	unsigned int held, mapped;
	int enabled;
	u16 command;
	bool passed;
};

static void marker_passed(void *data)
{
	struct marker *marker = data;
	struct pci_dev *pdev = marker->pdev;

	marker->passed = true;
	marker->held = held(pdev);
	marker->mapped = mapped();
	marker->enabled = atomic_read(&pdev->enable_cnt);
	marker->command = command(pdev);
	say("below %s: regions %#x, %u mappings, enabled %d times, command %#06x", marker->name, marker->held,
	    marker->mapped, marker->enabled, marker->command);
}

static void mark(struct kunit *test, struct marker *marker, const char *name)
{
	*marker = (struct marker){ .pdev = dev_of(test), .name = name };
	KUNIT_ASSERT_EQ(test, devm_add_action(&dev_of(test)->dev, marker_passed, marker), 0);
}

#define EXPECT_MARKER(test, marker, regions, mappings, times)		\
do {									\
	KUNIT_EXPECT_TRUE(test, (marker).passed);			\
	KUNIT_EXPECT_EQ(test, (marker).held, (unsigned int)(regions));	\
	KUNIT_EXPECT_EQ(test, (marker).mapped, (unsigned int)(mappings));	\
	KUNIT_EXPECT_EQ(test, (marker).enabled, times);			\
} while (0)

/* Entries are released one by one, the newest first. */
static void reverse_order(struct kunit *test)
{
	static struct marker bottom, enabled, requested, both, part, whole, intx_off, with_mwi;
	struct pci_dev *pdev = dev_of(test);

	emulate_mwi();
	bind(test);
	mark(test, &bottom, "everything");
	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	mark(test, &enabled, "the request");
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "request"), 0);
	mark(test, &requested, "the regions");
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(1) | BIT(3), "regions"), 0);
	mark(test, &both, "the part");
	EXPECT_AT(test, iomap_range(pdev, 0, 0x100, 0x100), 0, 0x100);
	mark(test, &part, "the mapping");
	EXPECT_AT(test, iomap(pdev, 0, 0), 0, 0);
	mark(test, &whole, "INTx");
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	mark(test, &intx_off, "MWI");
	KUNIT_EXPECT_EQ(test, mwi(pdev), 0);
	mark(test, &with_mwi, "nothing");
	show(pdev);
	detach(test);

	EXPECT_MARKER(test, with_mwi, 0xb, 4, 1);
	KUNIT_EXPECT_NE(test, with_mwi.command & PCI_COMMAND_INVALIDATE, 0);
	KUNIT_EXPECT_NE(test, with_mwi.command & PCI_COMMAND_INTX_DISABLE, 0);
	EXPECT_MARKER(test, intx_off, 0xb, 4, 1);
	KUNIT_EXPECT_EQ(test, intx_off.command & PCI_COMMAND_INVALIDATE, 0);
	KUNIT_EXPECT_NE(test, intx_off.command & PCI_COMMAND_INTX_DISABLE, 0);
	EXPECT_MARKER(test, whole, 0xb, 4, 1);
	KUNIT_EXPECT_EQ(test, whole.command & PCI_COMMAND_INTX_DISABLE, 0);
	EXPECT_MARKER(test, part, 0xb, 3, 1);
	EXPECT_MARKER(test, both, 0xb, 2, 1);
	EXPECT_MARKER(test, requested, 0x1, 0, 1);
	EXPECT_MARKER(test, enabled, 0, 0, 1);
	EXPECT_MARKER(test, bottom, 0, 0, 0);
}

/* A mapping is released before its region, so that nobody else holds the region while it is mapped. */
static void mapping_before_region(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_enabled(test);
	EXPECT_AT(test, iomap_region(pdev, 0, "detach"), 0, 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, held_when_unmapped(), BIT(0));

	bind_enabled(test);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0), "regions"), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, held_when_unmapped(), BIT(0));

	bind_enabled(test);
	EXPECT_AT(test, iomap_region(pdev, 0, "early"), 0, 0);
	unmap_region(pdev, 0);
	KUNIT_EXPECT_EQ(test, held_when_unmapped(), BIT(0));
	detach(test);
}

/* When probe fails, everything is released. */
static int probe_fails(struct pci_dev *pdev)
{
	int ret;

	ret = enable(pdev);
	if (!ret)
		ret = iomap_regions(pdev, BIT(0), "probe");
	if (!ret)
		ret = intx(pdev, 0);
	return ret ?: -EIO;
}

static void failed_probe(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	KUNIT_EXPECT_EQ(test, bind_with(pdev, probe_fails), 0);
	show(pdev);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
	/* The next probe finds nothing that could make it fail. */
	bind_enabled(test);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0), "next"), 0);
	detach(test);
}

/* remove() runs before anything is released, and may acquire more. */
static void remove_acquires(struct pci_dev *pdev)
{
	show(pdev);
	unmap_region(pdev, 0);
	iomap(pdev, 0, 0);
	request(pdev, 0, "remove");
	intx(pdev, 1);
	show(pdev);
}

static void in_remove(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_enabled(test);
	EXPECT_AT(test, iomap_region(pdev, 0, "probe"), 0, 0);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	remove_of_case = remove_acquires;
	detach(test);
}

/* While entries are released they are not found, so nothing is released twice. */
static void *late_mapping;

static void release_by_hand(void *data)
{
	struct pci_dev *pdev = data;

	say("by hand");
	unmap(pdev, (void __force __iomem *)late_mapping);
	unmap_region(pdev, 1);
	say("enough");
	show(pdev);
}

static void in_release(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_enabled(test);
	late_mapping = (void __force *)iomap(pdev, 0, 0);
	EXPECT_AT(test, iomap_region(pdev, 1, "region"), 1, 0);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, release_by_hand, pdev), 0);
	detach(test);
}

/* A resource that is acquired while entries are released stays, and keeps the next driver from binding. */
static void acquire_late(void *data)
{
	struct pci_dev *pdev = data;

	say("too late");
	if (!devres_open_group(&pdev->dev, &late_mapping, GFP_KERNEL))
		return;
	iomap(pdev, 0, 0);
	request(pdev, 0, "late");
	intx(pdev, 0);
}

static void acquired_in_release(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	show_table(pdev);
	KUNIT_EXPECT_EQ(test, intx(pdev, 1), 0);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, acquire_late, pdev), 0);
	say("detach");
	device_release_driver(&pdev->dev);
	show(pdev);
	EXPECT_STATE(test, BIT(0), 1);
	EXPECT_AT(test, pcim_iomap_table(pdev)[0], 0, 0);
	KUNIT_EXPECT_LT(test, bind_with(pdev, enable), 1);
	devres_release_group(&pdev->dev, &late_mapping);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	bind_enabled(test);
	detach(test);
}

/* Releasing a group leaves the entries outside of it. */
static void group_released(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem *before, *inside, *after;
	void *group;

	bind_enabled(test);
	before = iomap(pdev, 0, 0);
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	inside = iomap_range(pdev, 0, 8, 8);
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "inside"), 0);
	EXPECT_AT(test, iomap_region(pdev, 1, "inside"), 1, 0);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	devres_close_group(&pdev->dev, group);
	after = iomap(pdev, 3, 0);
	EXPECT_STATE(test, 0x3, 4);

	say("release group");
	KUNIT_EXPECT_EQ(test, devres_release_group(&pdev->dev, group), 4);
	show(pdev);
	EXPECT_STATE(test, 0, 2);
	EXPECT_AT(test, before, 0, 0);
	EXPECT_AT(test, after, 3, 0);
	show_table(pdev);
	unmap(pdev, inside);
	/* The setting is saved again, because the entry in the group is gone. */
	KUNIT_EXPECT_EQ(test, intx(pdev, 1), 0);
	detach(test);
}

/*
 * While a group is released its entries are not found, as at detach. A resource that is acquired at that time is new, and
 * stays.
 */
static void acquire_more(void *data)
{
	struct pci_dev *pdev = data;

	say("in the group's release");
	iomap(pdev, 3, 0);
	show_table(pdev);
	intx(pdev, 0);
}

static void acquired_in_group_release(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;

	bind(test);
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	EXPECT_AT(test, iomap(pdev, 1, 0), 1, 0);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, acquire_more, pdev), 0);
	devres_close_group(&pdev->dev, group);
	say("release group");
	KUNIT_EXPECT_EQ(test, devres_release_group(&pdev->dev, group), 4);
	show(pdev);
	EXPECT_STATE(test, 0, 1);
	KUNIT_EXPECT_EQ(test, entries(pdev), 3);
	show_table(pdev);
	KUNIT_EXPECT_NULL(test, pcim_iomap_table(pdev)[1]);
	EXPECT_AT(test, pcim_iomap_table(pdev)[3], 3, 0);
	KUNIT_EXPECT_EQ(test, intx(pdev, 1), 0);
	detach(test);
	/* This is the setting that the call during the release had found. */
	KUNIT_EXPECT_NE(test, command(pdev) & PCI_COMMAND_INTX_DISABLE, 0);
}

/*
 * The table belongs to the group in which it was first asked for, and is released with it. Mappings outside of the group are
 * not.
 */
static void group_with_table(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;

	bind(test);
	EXPECT_AT(test, iomap_range(pdev, 0, 0, 8), 0, 0);
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	show_table(pdev);
	devres_close_group(&pdev->dev, group);
	EXPECT_AT(test, iomap(pdev, 1, 0), 1, 0);
	show_table(pdev);
	say("release group");
	KUNIT_EXPECT_EQ(test, devres_release_group(&pdev->dev, group), 1);
	show_table(pdev);
	KUNIT_EXPECT_NULL(test, pcim_iomap_table(pdev)[1]);
	EXPECT_STATE(test, 0, 2);
	detach(test);
}

/* The device is disabled when the group in which it was enabled is released, unless it is pinned. */
static void group_with_device(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int pinned;

	for (pinned = 0; pinned < 2; pinned++) {
		bind(test);
		IN_GROUP(test) {
			KUNIT_EXPECT_EQ(test, enable(pdev), 0);
			if (pinned)
				pcim_pin_device(pdev);
			KUNIT_EXPECT_EQ(test, mwi(pdev), 0);
		}
		show(pdev);
		KUNIT_EXPECT_EQ(test, atomic_read(&pdev->enable_cnt), pinned);
		KUNIT_EXPECT_FALSE(test, pdev->is_managed);
		detach(test);
	}
}

/* Removing a group leaves its entries. A group that was never closed ends when all entries are released. */
static void group_removed(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *outer, *inner;

	bind(test);
	outer = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	EXPECT_AT(test, iomap(pdev, 0, 0), 0, 0);
	devres_close_group(&pdev->dev, outer);
	say("remove group");
	devres_remove_group(&pdev->dev, outer);
	show(pdev);
	EXPECT_STATE(test, 0, 1);

	outer = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "outer"), 0);
	inner = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	EXPECT_AT(test, iomap_region(pdev, 1, "inner"), 1, 0);
	say("release the inner group, still open");
	KUNIT_EXPECT_EQ(test, devres_release_group(&pdev->dev, inner), 1);
	EXPECT_STATE(test, BIT(0), 1);
	inner = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(3), "inner"), 0);
	devres_close_group(&pdev->dev, inner);
	/* Both groups still exist, and one of them is open. */
	detach(test);
}

/* The calls work for a device without a driver, and no driver can bind until everything is released. */
static void unbound(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);

	KUNIT_EXPECT_EQ(test, enable(pdev), 0);
	EXPECT_AT(test, iomap(pdev, 0, 0), 0, 0);
	EXPECT_AT(test, iomap_region(pdev, 1, "unbound"), 1, 0);
	KUNIT_EXPECT_EQ(test, intx(pdev, 0), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, -1, "unbound"), -EINVAL);
	show(pdev);
	KUNIT_EXPECT_LT(test, bind_with(pdev, enable), 1);
	show(pdev);
	KUNIT_EXPECT_EQ(test, devres_release_group(&pdev->dev, group), 5);
	show(pdev);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
	bind_enabled(test);
	detach(test);
}

/* Many rounds of the same calls leave nothing. */
static void many_rounds(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int i;

	for (i = 0; i < 20; i++) {
		bind_enabled(test);
		KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0) | BIT(1) | BIT(2) | BIT(3), "round"), 0);
		KUNIT_EXPECT_EQ(test, entries(pdev), 6);
		if (i & 1)
			unmap_region(pdev, i % 4);
		detach(test);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(reverse_order, e1000e_gen_params),
	KUNIT_CASE(mapping_before_region),
	KUNIT_CASE(failed_probe),
	KUNIT_CASE(in_remove),
	KUNIT_CASE_PARAM(in_release, e1000e_gen_params),
	KUNIT_CASE(acquired_in_release),
	KUNIT_CASE_PARAM(group_released, e1000e_gen_params),
	KUNIT_CASE_PARAM(acquired_in_group_release, e1000e_gen_params),
	KUNIT_CASE_PARAM(group_with_table, e1000e_gen_params),
	KUNIT_CASE(group_with_device),
	KUNIT_CASE_PARAM(group_removed, e1000e_gen_params),
	KUNIT_CASE_PARAM(unbound, e1000e_gen_params),
	KUNIT_CASE_PARAM(many_rounds, e1000e_gen_params),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_lifetime",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
