// SPDX-License-Identifier: GPL-2.0
/*
 * Tests devm_pci_remap_iospace(), devm_pci_remap_cfgspace() and devm_pci_remap_cfg_resource(), which are for host bridges, on
 * edu's BAR.
 */

#include <linux/io.h>
#include <linux/sizes.h>

#include "suite.h"

/* No x86 machine has memory at this address. */
#define NO_MEMORY BIT_ULL(50)

static void __iomem *cfgspace(struct pci_dev *pdev, resource_size_t offset, resource_size_t size)
{
	void __iomem *addr;

	say("devm_pci_remap_cfgspace(%#llx, %#llx)", offset, size);
	addr = devm_pci_remap_cfgspace(&pdev->dev, offset, size);
	say("  %s", addr ? "mapped" : "NULL");
	return addr;
}

static void __iomem *cfg_resource(struct pci_dev *pdev, struct resource *res)
{
	void __iomem *addr;

	say("devm_pci_remap_cfg_resource(%pR, \"%s\")", res, res ? res->name : NULL);
	addr = devm_pci_remap_cfg_resource(&pdev->dev, res);
	if (IS_ERR((void __force *)addr))
		say("  = %ld", PTR_ERR((void __force *)addr));
	return addr;
}

/* Returns the first part of edu's BAR. */
static struct resource part_of(struct pci_dev *pdev, const char *name)
{
	return DEFINE_RES_MEM_NAMED(pci_resource_start(pdev, 0), SZ_4K, name);
}

/* A mapping is unmapped by devm_iounmap() or at detach. A failed call leaves no entry. */
static void remap_cfgspace(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	resource_size_t start = pci_resource_start(pdev, 0);
	void __iomem *addr;

	bind_enabled(test);
	addr = cfgspace(pdev, start, SZ_4K);
	EXPECT_AT(test, addr, 0, 0);
	KUNIT_EXPECT_EQ(test, ioread32(addr) & 0xff, 0xed);
	EXPECT_AT(test, cfgspace(pdev, start + 0x1004, 1), 0, 0x1004);
	EXPECT_STATE(test, 0, 2);
	devm_iounmap(&pdev->dev, addr);
	EXPECT_STATE(test, 0, 1);

	KUNIT_EXPECT_NULL(test, cfgspace(pdev, start, 0));
	KUNIT_EXPECT_NULL(test, cfgspace(pdev, ~0ULL, 2));
	KUNIT_EXPECT_EQ(test, entries(pdev), 2);
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_NULL(test, cfgspace(pdev, NO_MEMORY, SZ_4K));
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	show(pdev);
	detach(test);
}

static void remap_cfg_resource(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct resource named = part_of(pdev, "named"), nameless = part_of(pdev, NULL);
	void __iomem *addr;

	bind_enabled(test);
	IN_GROUP(test) {
		addr = cfg_resource(pdev, &named);
		EXPECT_AT(test, addr, 0, 0);
		KUNIT_EXPECT_EQ(test, ioread32(addr) & 0xff, 0xed);
		show(pdev);
		EXPECT_STATE(test, BIT(0), 1);
	}
	EXPECT_STATE(test, 0, 0);
	EXPECT_AT(test, cfg_resource(pdev, &nameless), 0, 0);
	show(pdev);
	detach(test);
}

/* Each error has its own message. */
static void cfg_resource_refused(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct resource res = part_of(pdev, "refused");

	bind_enabled(test);
	EXPECT_ERR(test, cfg_resource(pdev, NULL), -EINVAL);
	res.flags = IORESOURCE_IO;
	EXPECT_ERR(test, cfg_resource(pdev, &res), -EINVAL);
	res.flags = 0;
	EXPECT_ERR(test, cfg_resource(pdev, &res), -EINVAL);
	res.flags = IORESOURCE_MEM | IORESOURCE_IO;
	EXPECT_ERR(test, cfg_resource(pdev, &res), -EINVAL);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	res.flags = IORESOURCE_MEM | IORESOURCE_PREFETCH;

	/* The copy of the region's name stays until detach. */
	KUNIT_EXPECT_EQ(test, request(pdev, 0, "holder"), 0);
	EXPECT_ERR(test, cfg_resource(pdev, &res), -EBUSY);
	res.end = res.start - 1;
	EXPECT_ERR(test, cfg_resource(pdev, &res), -EBUSY);
	show(pdev);
	detach(test);
}

/* The region can be requested but not mapped, so it is released again. */
static void cfg_resource_without_mapping(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct resource res = DEFINE_RES_MEM_NAMED(NO_MEMORY, SZ_4K, "beyond");
	const resource_size_t end = iomem_resource.end;
	struct resource *again;

	bind_enabled(test);
	iomem_resource.end = ~0ULL;
	kunit_warning_suppress(test) {
		EXPECT_ERR(test, cfg_resource(pdev, &res), -ENOMEM);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	again = request_mem_region(NO_MEMORY, SZ_4K, "again");
	KUNIT_EXPECT_NOT_NULL(test, again);
	if (again)
		release_mem_region(NO_MEMORY, SZ_4K);
	iomem_resource.end = end;
	show(pdev);
	detach(test);
}

/* x86 has no memory mapped I/O space, and warns if somebody remaps it. */
static void remap_iospace(struct kunit *test)
{
	static const struct resource res = DEFINE_RES_IO(0x1000, SZ_4K);
	struct pci_dev *pdev = dev_of(test);

	bind(test);
	say("devm_pci_remap_iospace()");
	kunit_warning_suppress(test) {
		KUNIT_EXPECT_EQ(test, devm_pci_remap_iospace(&pdev->dev, &res, pci_resource_start(pdev, 0)),
				-ENODEV);
		KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
	}
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	detach(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(remap_cfgspace),
	KUNIT_CASE(remap_cfg_resource),
	KUNIT_CASE(cfg_resource_refused),
	KUNIT_CASE(cfg_resource_without_mapping),
	KUNIT_CASE(remap_iospace),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_cfgspace",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
