// SPDX-License-Identifier: GPL-2.0
/* Tests mapping BARs and parts of BARs, unmapping them, and the table in which old drivers look up the mappings. */

#include <linux/io.h>
#include <linux/limits.h>
#include <linux/sizes.h>

#include "suite.h"

static const struct hardware all[] = { EDU, E1000E, AC97, TESTDEV, IVSHMEM, BRIDGE, AHCI };
KUNIT_ARRAY_PARAM(all, all, hardware_name);

/* These have memory, I/O ports, and a BAR of less than a page. */
static const struct hardware small[] = { EDU, AC97, IVSHMEM };
KUNIT_ARRAY_PARAM(small, small, hardware_name);

/* Together these have every standard BAR. */
static const struct hardware each[] = { E1000E, AHCI };
KUNIT_ARRAY_PARAM(each, each, hardware_name);

/* This one has the most kinds of BARs. */
static const struct hardware e1000e[] = { E1000E };
KUNIT_ARRAY_PARAM(e1000e, e1000e, hardware_name);

static bool has_region(struct pci_dev *pdev, int bar)
{
	return is_index(bar) && pci_resource_len(pdev, bar) && pci_resource_flags(pdev, bar);
}

/* Makes every call with one index, which may be valid or not. */
static void one_index(struct kunit *test, int bar)
{
	struct pci_dev *pdev = dev_of(test);
	bool mappable = is_mappable(pdev, bar);
	unsigned int region = has_region(pdev, bar) ? BIT(bar) : 0;
	unsigned int memory = mappable && pci_resource_flags(pdev, bar) & IORESOURCE_MEM;
	void __iomem *addr;

	IN_GROUP(test) {
		addr = iomap(pdev, bar, 0);
		if (mappable) {
			EXPECT_AT(test, addr, bar, 0);
			KUNIT_EXPECT_PTR_EQ(test, pcim_iomap_table(pdev)[bar], addr);
		} else {
			KUNIT_EXPECT_NULL(test, addr);
		}
		EXPECT_STATE(test, 0, memory);
	}
	IN_GROUP(test) {
		addr = iomap_range(pdev, bar, 0, 0);
		if (mappable)
			EXPECT_AT(test, addr, bar, 0);
		else
			EXPECT_ERR(test, addr, -EINVAL);
		EXPECT_STATE(test, 0, memory);
	}
	IN_GROUP(test) {
		KUNIT_EXPECT_EQ(test, request(pdev, bar, "request"), is_index(bar) ? 0 : -EINVAL);
		EXPECT_STATE(test, region, 0);
	}
	IN_GROUP(test) {
		addr = iomap_region(pdev, bar, "region");
		if (mappable)
			EXPECT_AT(test, addr, bar, 0);
		else
			EXPECT_ERR(test, addr, -EINVAL);
		EXPECT_STATE(test, mappable ? region : 0, memory);
	}
	IN_GROUP(test) {
		/* Unmapping a BAR that is not mapped has never been an error. */
		unmap_region(pdev, bar);
	}
	if (bar >= 0 && bar < 32)
		IN_GROUP(test) {
			int expected = is_index(bar) && !mappable ? -EINVAL : 0;

			KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(bar), "regions"), expected);
			EXPECT_STATE(test, mappable ? region : 0, memory);
			if (mappable)
				EXPECT_AT(test, pcim_iomap_table(pdev)[bar], bar, 0);
		}
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
}

static void every_index(struct kunit *test)
{
	static const int past[] = { PCI_NUM_RESOURCES, PCI_NUM_RESOURCES + 1, 30, 31, 32, INT_MAX };
	int bar;

	bind(test);
	one_index(test, INT_MIN);
	for (bar = -1; bar < PCI_NUM_RESOURCES; bar++)
		one_index(test, bar);
	for (bar = 0; bar < ARRAY_SIZE(past); bar++)
		one_index(test, past[bar]);
	/* An empty mask asks for nothing, so the call cannot fail. */
	KUNIT_EXPECT_EQ(test, iomap_regions(dev_of(test), 0, "none"), 0);
	detach(test);
}

/* Tests parts of a BAR: within it, up to its end, past its end, and so far that the sum overflows. */
static void ranges_of(struct kunit *test, int bar)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned long size = pci_resource_len(pdev, bar);
	const unsigned long offsets[] = {
		0, 1, 8, PAGE_SIZE - 1, PAGE_SIZE, size / 2, size - 1, size, size + 1, ULONG_MAX - 7, ULONG_MAX,
	};
	const unsigned long lens[] = { 0, 1, PAGE_SIZE + 1, size - 1, size, size + 1, ULONG_MAX };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(lens); j++)
			IN_GROUP(test) {
				void __iomem *addr = iomap_range(pdev, bar, offsets[i], lens[j]);

				if (offsets[i] < size)
					EXPECT_AT(test, addr, bar, offsets[i]);
				else
					EXPECT_ERR(test, addr, -EINVAL);
			}
	for (j = 0; j < ARRAY_SIZE(lens); j++)
		IN_GROUP(test)
			EXPECT_AT(test, iomap(pdev, bar, lens[j]), bar, 0);
}

static void ranges(struct kunit *test)
{
	int bar;

	bind(test);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		/* Writing the page tables of larger BARs takes long. */
		if (is_mappable(dev_of(test), bar) && pci_resource_len(dev_of(test), bar) <= SZ_1M)
			ranges_of(test, bar);
	detach(test);
}

/*
 * The mapping accesses the device: edu has its identification at 0, and returns the complement of what is written
 * to 4.
 */
static void mapping_works(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem *whole, *part;

	bind_enabled(test);
	whole = iomap(pdev, 0, 0);
	part = iomap_range(pdev, 0, 4, 4);
	EXPECT_AT(test, whole, 0, 0);
	EXPECT_AT(test, part, 0, 4);
	KUNIT_EXPECT_EQ(test, ioread32(whole) & 0xff, 0xed);
	iowrite32(0x12345678, part);
	KUNIT_EXPECT_EQ(test, ioread32(whole + 4), ~0x12345678U);
	detach(test);
}

/* pcim_iounmap() ignores every address that is not from pcim_iomap() or pcim_iomap_range(). */
static void unmap_foreign(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test), *other = find_hardware(test, &e1000e[0]);
	void __iomem *addr, *foreign, *plain, *region;
	int local;

	bind(test);
	addr = iomap(pdev, 0, 0);
	unmap(pdev, NULL);
	unmap(pdev, (void __iomem *)-1L);
	unmap(pdev, IOMEM_ERR_PTR(-EINVAL));
	unmap(pdev, (void __force __iomem *)&local);
	unmap(pdev, addr + 1);
	unmap(pdev, addr + PAGE_SIZE);
	unmap(pdev, (void __iomem *)0x10000UL);
	EXPECT_STATE(test, 0, 1);

	foreign = pci_iomap(other, 0, 0);
	unmap(pdev, foreign);
	EXPECT_STATE(test, 0, 2);
	pci_iounmap(other, foreign);

	plain = pci_iomap(pdev, 0, 0);
	unmap(pdev, plain);
	EXPECT_STATE(test, 0, 2);
	pci_iounmap(pdev, plain);

	region = iomap_region(pdev, 0, "region");
	unmap(pdev, region);
	EXPECT_STATE(test, BIT(0), 2);
	show_table(pdev);

	/* pcim_iounmap_region() in turn only releases regions that were requested and mapped by one call. */
	unmap_region(pdev, 1);
	unmap_region(pdev, -1);
	unmap_region(pdev, PCI_NUM_RESOURCES);
	EXPECT_STATE(test, BIT(0), 2);
	unmap_region(pdev, 0);
	EXPECT_STATE(test, 0, 1);
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "request"), 0);
	unmap_region(pdev, 0);
	EXPECT_STATE(test, BIT(0), 1);
	detach(test);
	pci_dev_put(other);
}

/* Unmapping a second time does nothing. */
static void unmap_twice(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem *addr;

	bind(test);
	/* Unmapping creates the table in order to look for the address in it. */
	addr = iomap_range(pdev, 0, 16, 16);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	unmap(pdev, addr);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	unmap(pdev, addr);
	EXPECT_STATE(test, 0, 0);
	addr = iomap(pdev, 0, 0);
	unmap(pdev, addr);
	EXPECT_STATE(test, 0, 0);
	unmap(pdev, addr);
	EXPECT_AT(test, iomap_region(pdev, 0, "region"), 0, 0);
	unmap_region(pdev, 0);
	EXPECT_STATE(test, 0, 0);
	unmap_region(pdev, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0), "regions"), 0);
	unmap_region(pdev, 0);
	unmap_region(pdev, 0);
	EXPECT_STATE(test, 0, 0);
	detach(test);
}

/*
 * Of mappings with the same address the newest is unmapped first, and an older one that it hides in the table
 * stays.
 */
static void same_bar_twice(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem *first, *second, *part;
	int bar;

	bind(test);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!is_mappable(pdev, bar))
			continue;
		first = iomap(pdev, bar, 0);
		second = iomap(pdev, bar, 16);
		part = iomap_range(pdev, bar, 0, 8);
		show_table(pdev);
		KUNIT_EXPECT_PTR_EQ(test, pcim_iomap_table(pdev)[bar], second);
		unmap(pdev, first);
		show_table(pdev);
		unmap(pdev, part);
		show_table(pdev);
		unmap(pdev, second);
		show_table(pdev);
		KUNIT_EXPECT_NULL(test, pcim_iomap_table(pdev)[bar]);
		unmap(pdev, second);
	}
	EXPECT_STATE(test, 0, 0);
	detach(test);
}

/* Tests which calls fill the table and which clear it, and that it is the same until the driver is detached. */
static void table(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem * const *table;
	void __iomem *addr;

	bind(test);
	show_table(pdev);
	table = pcim_iomap_table(pdev);
	KUNIT_ASSERT_NOT_NULL(test, table);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);

	EXPECT_AT(test, iomap_range(pdev, 0, 0, 0), 0, 0);
	EXPECT_AT(test, iomap_region(pdev, 1, "region"), 1, 0);
	show_table(pdev);
	KUNIT_EXPECT_NULL(test, table[0]);
	KUNIT_EXPECT_NULL(test, table[1]);

	addr = iomap(pdev, 2, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0) | BIT(3), "regions"), 0);
	show_table(pdev);
	KUNIT_EXPECT_PTR_EQ(test, table[2], addr);
	EXPECT_AT(test, table[0], 0, 0);
	EXPECT_AT(test, table[3], 3, 0);

	/* Unmapping a region leaves the table unchanged. */
	unmap_region(pdev, 3);
	show_table(pdev);
	KUNIT_EXPECT_NOT_NULL(test, table[3]);
	unmap(pdev, addr);
	KUNIT_EXPECT_NULL(test, table[2]);

	/* The table has a slot for the ROM, which unmapping does not clear. */
	addr = iomap(pdev, PCI_ROM_RESOURCE, 0);
	KUNIT_EXPECT_PTR_EQ(test, table[PCI_ROM_RESOURCE], addr);
	unmap(pdev, addr);
	show_table(pdev);
	KUNIT_EXPECT_PTR_EQ(test, table[PCI_ROM_RESOURCE], addr);
	KUNIT_EXPECT_PTR_EQ(test, pcim_iomap_table(pdev), table);
	detach(test);

	bind(test);
	show_table(pdev);
	KUNIT_EXPECT_NULL(test, pcim_iomap_table(pdev)[0]);
	detach(test);
}

/*
 * A failure releases the BARs before the failing one, their slots in the table, and earlier regions of these BARs.
 */
static void regions_fail(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void __iomem *addr;

	bind(test);
	/* BAR 4 is unset, and BAR 5 is not reached. */
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, 0x3f, "all"), -EINVAL);
	show_table(pdev);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, -1, "more than all"), -EINVAL);
	EXPECT_STATE(test, 0, 0);

	/*
	 * A region that an earlier call mapped is released as well. A mapping without a region stays, but leaves
	 * the table.
	 */
	EXPECT_AT(test, iomap_region(pdev, 1, "earlier"), 1, 0);
	addr = iomap(pdev, 0, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(3) | BIT(4), "later"), -EINVAL);
	show_table(pdev);
	EXPECT_STATE(test, 0, 1);
	KUNIT_EXPECT_NULL(test, pcim_iomap_table(pdev)[0]);
	unmap(pdev, addr);

	/* A BAR after the failing one is left alone. */
	EXPECT_AT(test, iomap_region(pdev, 3, "stays"), 3, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0) | BIT(3), "busy"), -EBUSY);
	EXPECT_STATE(test, BIT(3), 1);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0) | BIT(1) | BIT(2), "good"), 0);
	show(pdev);
	EXPECT_STATE(test, 0xf, 3);
	detach(test);
}

/* Tests BARs with ranges that can be requested but not mapped. */
static void regions_without_mapping(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct resource *odd = &pdev->resource[4], *port = &pdev->resource[5];
	const struct resource odd_was = *odd, port_was = *port;
	const resource_size_t ports = ioport_resource.end;

	bind(test);
	/* This is neither memory nor I/O ports. */
	odd->start = 0x2000;
	odd->end = 0x2fff;
	/* This I/O port has a number that does not exist on x86. */
	port->start = 0x10000;
	port->end = 0x100ff;
	port->flags = IORESOURCE_IO;
	ioport_resource.end = 0x1ffff;

	KUNIT_EXPECT_NULL(test, iomap(pdev, 4, 0));
	EXPECT_ERR(test, iomap_range(pdev, 4, 0, 0), -EINVAL);
	EXPECT_ERR(test, iomap_region(pdev, 4, "odd"), -EINVAL);
	KUNIT_EXPECT_EQ(test, request(pdev, 4, "odd"), 0);
	EXPECT_STATE(test, 0, 0);

	KUNIT_EXPECT_EQ(test, request(pdev, 5, "port"), 0);
	EXPECT_STATE(test, BIT(5), 0);
	EXPECT_ERR(test, iomap_region(pdev, 5, "port"), -EBUSY);
	detach(test);

	bind(test);
	KUNIT_EXPECT_NULL(test, iomap(pdev, 5, 0));
	EXPECT_ERR(test, iomap_range(pdev, 5, 0, 0), -EINVAL);
	EXPECT_ERR(test, iomap_region(pdev, 5, "port"), -EINVAL);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, iomap_regions(pdev, BIT(0) | BIT(5), "ports"), -EINVAL);
	show_table(pdev);
	EXPECT_STATE(test, 0, 0);
	detach(test);

	*odd = odd_was;
	*port = port_was;
	ioport_resource.end = ports;
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(every_index, all_gen_params),
	KUNIT_CASE_PARAM(ranges, small_gen_params),
	KUNIT_CASE(mapping_works),
	KUNIT_CASE(unmap_foreign),
	KUNIT_CASE(unmap_twice),
	KUNIT_CASE_PARAM(same_bar_twice, each_gen_params),
	KUNIT_CASE_PARAM(table, e1000e_gen_params),
	KUNIT_CASE_PARAM(regions_fail, e1000e_gen_params),
	KUNIT_CASE(regions_without_mapping),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_map",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
