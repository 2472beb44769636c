// SPDX-License-Identifier: GPL-2.0
/*
 * Tests requesting the regions of BARs: which requests are refused, with which message and name, and what a failure
 * releases.
 */

#include "suite.h"

static const struct hardware several[] = { EDU, E1000E, AC97, TESTDEV };
KUNIT_ARRAY_PARAM(several, several, hardware_name);

static const struct hardware e1000e[] = { E1000E };
KUNIT_ARRAY_PARAM(e1000e, e1000e, hardware_name);

/* Returns a mask of the standard BARs that the device has. */
static unsigned int bars_of(struct pci_dev *pdev)
{
	unsigned int mask = 0;
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_len(pdev, bar))
			mask |= BIT(bar);
	return mask;
}


/* Requests all BARs at once, in the same name. BARs that are unset count as requested. */
static void all_regions(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, request_all(pdev, "all"), 0);
	show(pdev);
	EXPECT_STATE(test, bars_of(pdev), 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), PCI_STD_NUM_BARS);
	/* A second call is refused, and releases what the first call requested. */
	KUNIT_EXPECT_EQ(test, request_all(pdev, "again"), -EBUSY);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	KUNIT_EXPECT_EQ(test, request_all(pdev, "once more"), 0);
	EXPECT_STATE(test, bars_of(pdev), 0);
	detach(test);
}

/* Somebody else holds one BAR. Every call that needs it is refused, and leaves it to its holder. */
static void held_by_another(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int bars = bars_of(pdev), last = fls(bars) - 1;

	bind(test);
	KUNIT_ASSERT_EQ(test, pci_request_region(pdev, last, "another"), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, last, "request"), -EBUSY);
	EXPECT_ERR(test, iomap_region(pdev, last, "region"), -EBUSY);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(last), "regions"), -EBUSY);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, bars, "regions"), -EBUSY);
	KUNIT_EXPECT_EQ(test, request_all(pdev, "all"), -EBUSY);
	show(pdev);
	EXPECT_STATE(test, BIT(last), 0);

	/* Mapping alone requests nothing. */
	IN_GROUP(test)
		EXPECT_AT(test, iomap(pdev, last, 0), last, 0);
	IN_GROUP(test)
		EXPECT_AT(test, iomap_range(pdev, last, 0, 0), last, 0);

	pci_release_region(pdev, last);
	KUNIT_EXPECT_EQ(test, request(pdev, last, "request"), 0);
	detach(test);
}

/* Regions that the driver itself has requested are busy as well, whichever call requested them. */
static void held_by_itself(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "request"), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "again"), -EBUSY);
	EXPECT_ERR(test, iomap_region(pdev, 0, "region"), -EBUSY);
	KUNIT_EXPECT_EQ(test, pci_request_region(pdev, 0, "plain"), -EBUSY);
	EXPECT_STATE(test, BIT(0), 0);

	EXPECT_AT(test, iomap_region(pdev, 1, "region"), 1, 0);
	EXPECT_ERR(test, iomap_region(pdev, 1, "again"), -EBUSY);
	KUNIT_EXPECT_EQ(test, request(pdev, 1, "request"), -EBUSY);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(1), "regions"), -EBUSY);
	EXPECT_STATE(test, BIT(0) | BIT(1), 1);

	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(2) | BIT(3), "regions"), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, 2, "request"), -EBUSY);
	/* Requested regions are released; those that are also mapped stay. */
	KUNIT_EXPECT_EQ(test, request_all(pdev, "all"), -EBUSY);
	show(pdev);
	EXPECT_STATE(test, BIT(1) | BIT(2) | BIT(3), 2);
	detach(test);
}

/* The last BAR fails. The BARs before it are released, and so are single requests of earlier calls. */
static void all_regions_fail_late(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	KUNIT_EXPECT_EQ(test, request(pdev, 3, "earlier"), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, PCI_ROM_RESOURCE, "rom"), 0);
	KUNIT_EXPECT_EQ(test, request(pdev, 5, "unset"), 0);
	show(pdev);
	KUNIT_EXPECT_EQ(test, request_all(pdev, "all"), -EBUSY);
	show(pdev);
	/* The ROM is not one of the standard BARs. */
	EXPECT_STATE(test, BIT(PCI_ROM_RESOURCE), 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	detach(test);
}

/* Tests names: none, an empty one, and one that looks like a format. The region has the pointer, not a copy. */
static void names(struct kunit *test)
{
	static char own[] = "first";
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	IN_GROUP(test) {
		KUNIT_EXPECT_EQ(test, request(pdev, 0, NULL), 0);
		EXPECT_AT(test, iomap_region(pdev, 1, NULL), 1, 0);
		KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(2), NULL), 0);
		show(pdev);
		EXPECT_STATE(test, 0x7, 1);
	}
	IN_GROUP(test) {
		KUNIT_EXPECT_EQ(test, request_all(pdev, NULL), 0);
		KUNIT_EXPECT_EQ(test, request(pdev, 0, NULL), -EBUSY);
		show(pdev);
	}
	IN_GROUP(test) {
		KUNIT_EXPECT_EQ(test, request(pdev, 0, ""), 0);
		EXPECT_AT(test, iomap_region(pdev, 1, "%s %d %p"), 1, 0);
		EXPECT_ERR(test, iomap_region(pdev, 1, "%n"), -EBUSY);
		show(pdev);
	}
	IN_GROUP(test) {
		KUNIT_EXPECT_EQ(test, request(pdev, 0, own), 0);
		show(pdev);
		own[0] = 'F';
		show(pdev);
	}
	detach(test);
}

/* Two devices each hold their own regions, and no others. */
static void two_devices(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct pci_dev *other = find_hardware(test, &(const struct hardware)EDU);

	bind(test);
	KUNIT_EXPECT_EQ(test, request_all(pdev, "this"), 0);
	KUNIT_ASSERT_NOT_NULL(test, devres_open_group(&other->dev, other, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, request_all(other, "other"), 0);
	KUNIT_EXPECT_EQ(test, request(other, 0, "again"), -EBUSY);
	show(pdev);
	show(other);
	detach(test);
	KUNIT_EXPECT_EQ(test, held(other), BIT(0));
	KUNIT_EXPECT_EQ(test, devres_release_group(&other->dev, other), PCI_STD_NUM_BARS);
	KUNIT_EXPECT_EQ(test, held(other), 0);
	pci_dev_put(other);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(all_regions, several_gen_params),
	KUNIT_CASE_PARAM(held_by_another, several_gen_params),
	KUNIT_CASE_PARAM(held_by_itself, e1000e_gen_params),
	KUNIT_CASE_PARAM(all_regions_fail_late, e1000e_gen_params),
	KUNIT_CASE_PARAM(names, e1000e_gen_params),
	KUNIT_CASE_PARAM(two_devices, e1000e_gen_params),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_request",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
