// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the device-managed PCI calls: what each returns, what it does,
 * and that nothing of it is left when the driver is detached. The device is a
 * function of the software PCI bus with BARs of every kind.
 */

#include <kunit/test.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pci-soft.h>
#include <linux/sizes.h>

/* The BARs: 32-bit, I/O, 64-bit and prefetchable, none, 32-bit. */
#define MEM	0
#define PORTS	1
#define WIDE	2
#define NONE	4
#define LAST	5

static const struct pci_soft_desc desc = {
	.vendor = 0x50c0, .device = 0x20, .intx = true, .rom_size = SZ_2K,
	.bars = {
		[MEM] = { SZ_4K },
		[PORTS] = { 16, PCI_BASE_ADDRESS_SPACE_IO },
		[WIDE] = { SZ_64K, PCI_BASE_ADDRESS_MEM_PREFETCH | PCI_BASE_ADDRESS_MEM_TYPE_64 },
		[LAST] = { SZ_4K },
	},
};

static struct pci_soft_func *func;

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x50c0, 0x20) },
	{ }
};

static struct pci_driver driver = {
	.name = "pci_devres_kunit",
	.id_table = ids,
	.probe = probe,
};

/* The case acts as the driver, which is bound when the case begins. */
static int init(struct kunit *test)
{
	func = pci_soft_add(&desc);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, func);
	test->priv = pci_soft_dev(func);
	return 0;
}

static void leave(struct kunit *test)
{
	if (!IS_ERR_OR_NULL(func))
		pci_soft_remove(func);
	func = NULL;
}

static size_t entries(struct pci_dev *pdev)
{
	return list_count_nodes(&pdev->dev.devres_head);
}

/* Returns whether nobody has requested a BAR. */
static bool is_free(struct pci_dev *pdev, int bar)
{
	if (pci_request_region(pdev, bar, "somebody else"))
		return false;
	pci_release_region(pdev, bar);
	return true;
}

/* Detaches the driver, and checks that nothing is left of it. */
static void detach(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	int bar;

	device_release_driver(&pdev->dev);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		KUNIT_EXPECT_TRUE_MSG(test, is_free(pdev, bar), "BAR %d", bar);
}

static u16 command(struct pci_dev *pdev)
{
	u16 value;

	pci_read_config_word(pdev, PCI_COMMAND, &value);
	return value;
}

static void enabled_until_detach(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_EXPECT_TRUE(test, pci_is_enabled(pdev));
	KUNIT_EXPECT_TRUE(test, command(pdev) & PCI_COMMAND_MEMORY);
	detach(test);
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));

	/* A pinned device stays enabled. */
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	pcim_pin_device(pdev);
	detach(test);
	KUNIT_EXPECT_TRUE(test, pci_is_enabled(pdev));
	pdev->pinned = 0;
	pci_disable_device(pdev);
}

static void enabling_can_fail(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	struct resource *res = &pdev->resource[MEM];
	struct resource *parent = res->parent;

	/* The PCI core found no address for this BAR. */
	res->parent = NULL;
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), -EINVAL);
	res->parent = parent;
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	detach(test);
}

static void mwi_until_detach(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	KUNIT_EXPECT_EQ(test, pcim_set_mwi(pdev), 0);
	KUNIT_EXPECT_TRUE(test, command(pdev) & PCI_COMMAND_INVALIDATE);
	detach(test);
	KUNIT_EXPECT_FALSE(test, command(pdev) & PCI_COMMAND_INVALIDATE);

	/* The cache line size cannot be set if the device does not answer. */
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	pci_soft_unplug(func);
	KUNIT_EXPECT_EQ(test, pcim_set_mwi(pdev), -EINVAL);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
}

static void intx_is_restored(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	KUNIT_EXPECT_EQ(test, pcim_intx(pdev, 0), 0);
	KUNIT_EXPECT_TRUE(test, command(pdev) & PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_EQ(test, pcim_intx(pdev, 1), 0);
	KUNIT_EXPECT_FALSE(test, command(pdev) & PCI_COMMAND_INTX_DISABLE);
	KUNIT_EXPECT_EQ(test, pcim_intx(pdev, 0), 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 1);
	detach(test);
	KUNIT_EXPECT_FALSE(test, command(pdev) & PCI_COMMAND_INTX_DISABLE);

	/*
	 * The setting that the first call found is restored, also when INTx was
	 * off.
	 */
	pci_intx(pdev, 0);
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	KUNIT_EXPECT_EQ(test, pcim_intx(pdev, 1), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, command(pdev) & PCI_COMMAND_INTX_DISABLE);
}

/* Returns whether an address maps the registers of a BAR. */
static bool maps(void __iomem *addr, int bar, u32 offset)
{
	pci_soft_write(func, bar, offset, 0x600d0000 | bar);
	return addr && readl(addr) == (0x600d0000 | bar);
}

static void iomap_maps(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	void __iomem *mem, *wide;
	size_t before;

	KUNIT_ASSERT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_EXPECT_FALSE(test, pcim_iomap(pdev, -1, 0));
	KUNIT_EXPECT_FALSE(test, pcim_iomap(pdev, PCI_NUM_RESOURCES, 0));
	KUNIT_EXPECT_FALSE(test, pcim_iomap(pdev, NONE, 0));

	/*
	 * pcim_iomap() requests nothing, so it also maps BARs that somebody
	 * else has requested.
	 */
	KUNIT_ASSERT_EQ(test, pci_request_region(pdev, MEM, "somebody else"), 0);
	mem = pcim_iomap(pdev, MEM, 0);
	pci_release_region(pdev, MEM);
	KUNIT_EXPECT_TRUE(test, maps(mem, MEM, 0));
	wide = pcim_iomap(pdev, WIDE, SZ_4K);
	KUNIT_EXPECT_TRUE(test, maps(wide, WIDE, 0));
	KUNIT_EXPECT_TRUE(test, is_free(pdev, WIDE));

	KUNIT_ASSERT_NOT_NULL(test, pcim_iomap_table(pdev));
	KUNIT_EXPECT_TRUE(test, pcim_iomap_table(pdev)[MEM] == mem);
	KUNIT_EXPECT_TRUE(test, pcim_iomap_table(pdev)[WIDE] == wide);
	KUNIT_EXPECT_FALSE(test, pcim_iomap_table(pdev)[LAST]);

	before = entries(pdev);
	pcim_iounmap(pdev, mem);
	KUNIT_EXPECT_EQ(test, entries(pdev), before - 1);
	KUNIT_EXPECT_FALSE(test, pcim_iomap_table(pdev)[MEM]);
	/* An address that is not mapped is ignored. */
	pcim_iounmap(pdev, mem);
	KUNIT_EXPECT_EQ(test, entries(pdev), before - 1);
	detach(test);
}

static void iomap_region_requests_and_maps(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	void __iomem *addr;

	KUNIT_ASSERT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_region(pdev, -1, "it")), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_region(pdev, PCI_NUM_RESOURCES, "it")), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_region(pdev, NONE, "it")), -EINVAL);

	addr = pcim_iomap_region(pdev, WIDE, "it");
	KUNIT_ASSERT_FALSE(test, IS_ERR(addr));
	KUNIT_EXPECT_TRUE(test, maps(addr, WIDE, 0));
	KUNIT_EXPECT_FALSE(test, is_free(pdev, WIDE));
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_region(pdev, WIDE, "it")), -EBUSY);
	pcim_iounmap_region(pdev, MEM);
	KUNIT_EXPECT_FALSE(test, is_free(pdev, WIDE));
	pcim_iounmap_region(pdev, WIDE);
	KUNIT_EXPECT_TRUE(test, is_free(pdev, WIDE));

	addr = pcim_iomap_region(pdev, LAST, "it");
	KUNIT_EXPECT_FALSE(test, IS_ERR(addr));
	detach(test);
}

static void iomap_regions_is_all_or_nothing(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	int mask = BIT(MEM) | BIT(WIDE) | BIT(LAST);

	KUNIT_ASSERT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_ASSERT_EQ(test, pci_request_region(pdev, LAST, "somebody else"), 0);
	KUNIT_EXPECT_EQ(test, pcim_iomap_regions(pdev, mask, "it"), -EBUSY);
	pci_release_region(pdev, LAST);
	KUNIT_EXPECT_TRUE(test, is_free(pdev, MEM));
	KUNIT_EXPECT_TRUE(test, is_free(pdev, WIDE));
	KUNIT_EXPECT_FALSE(test, pcim_iomap_table(pdev)[MEM]);
	KUNIT_EXPECT_EQ(test, pcim_iomap_regions(pdev, BIT(MEM) | BIT(NONE), "it"), -EINVAL);
	KUNIT_EXPECT_TRUE(test, is_free(pdev, MEM));

	KUNIT_EXPECT_EQ(test, pcim_iomap_regions(pdev, mask, "it"), 0);
	KUNIT_EXPECT_FALSE(test, is_free(pdev, MEM));
	KUNIT_EXPECT_TRUE(test, maps(pcim_iomap_table(pdev)[MEM], MEM, 0));
	KUNIT_EXPECT_TRUE(test, maps(pcim_iomap_table(pdev)[WIDE], WIDE, 0));
	KUNIT_EXPECT_TRUE(test, maps(pcim_iomap_table(pdev)[LAST], LAST, 0));
	detach(test);
}

static void regions_are_released(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	KUNIT_EXPECT_EQ(test, pcim_request_region(pdev, -1, "it"), -EINVAL);
	KUNIT_EXPECT_EQ(test, pcim_request_region(pdev, PCI_NUM_RESOURCES, "it"), -EINVAL);
	KUNIT_EXPECT_EQ(test, pcim_request_region(pdev, PORTS, "it"), 0);
	KUNIT_EXPECT_EQ(test, pcim_request_region(pdev, PORTS, "it"), -EBUSY);
	KUNIT_EXPECT_FALSE(test, is_free(pdev, PORTS));
	detach(test);

	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	KUNIT_ASSERT_EQ(test, pci_request_region(pdev, LAST, "somebody else"), 0);
	KUNIT_EXPECT_EQ(test, pcim_request_all_regions(pdev, "it"), -EBUSY);
	pci_release_region(pdev, LAST);
	KUNIT_EXPECT_TRUE(test, is_free(pdev, MEM));
	KUNIT_EXPECT_EQ(test, pcim_request_all_regions(pdev, "it"), 0);
	KUNIT_EXPECT_FALSE(test, is_free(pdev, MEM));
	KUNIT_EXPECT_FALSE(test, is_free(pdev, PORTS));
	KUNIT_EXPECT_FALSE(test, is_free(pdev, WIDE));
	KUNIT_EXPECT_FALSE(test, is_free(pdev, LAST));
	detach(test);
}

static void iomap_range_maps_a_part(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	void __iomem *addr;

	KUNIT_ASSERT_EQ(test, pcim_enable_device(pdev), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_range(pdev, -1, 0, 4)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_range(pdev, PCI_NUM_RESOURCES, 0, 4)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_range(pdev, NONE, 0, 4)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(pcim_iomap_range(pdev, MEM, SZ_8K, 4)), -EINVAL);

	addr = pcim_iomap_range(pdev, WIDE, SZ_4K, SZ_4K);
	KUNIT_ASSERT_FALSE(test, IS_ERR(addr));
	KUNIT_EXPECT_TRUE(test, maps(addr, WIDE, SZ_4K));
	KUNIT_EXPECT_TRUE(test, is_free(pdev, WIDE));
	pcim_iounmap(pdev, addr);
	addr = pcim_iomap_range(pdev, WIDE, SZ_8K, 4);
	KUNIT_EXPECT_FALSE(test, IS_ERR(addr));
	detach(test);
}

static void configuration_space_is_mapped(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	struct resource res = pdev->resource[LAST];
	void __iomem *addr;

	/* Any memory does. */
	KUNIT_ASSERT_EQ(test, pcim_enable_device(pdev), 0);
	addr = devm_pci_remap_cfgspace(&pdev->dev, res.start, resource_size(&res));
	KUNIT_EXPECT_TRUE(test, maps(addr, LAST, 0));
	devm_iounmap(&pdev->dev, addr);

	KUNIT_EXPECT_EQ(test, PTR_ERR(devm_pci_remap_cfg_resource(&pdev->dev, NULL)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(devm_pci_remap_cfg_resource(&pdev->dev,
								  &pdev->resource[PORTS])),
			-EINVAL);
	KUNIT_ASSERT_EQ(test, pci_request_region(pdev, LAST, "somebody else"), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(devm_pci_remap_cfg_resource(&pdev->dev, &res)), -EBUSY);
	pci_release_region(pdev, LAST);
	addr = devm_pci_remap_cfg_resource(&pdev->dev, &res);
	KUNIT_ASSERT_FALSE(test, IS_ERR(addr));
	KUNIT_EXPECT_TRUE(test, maps(addr, LAST, 0));
	KUNIT_EXPECT_FALSE(test, is_free(pdev, LAST));
	detach(test);
}

static void io_space_is_checked(struct kunit *test)
{
#ifdef PCI_IOBASE
	struct pci_dev *pdev = test->priv;
	struct resource mem = DEFINE_RES_MEM(0, SZ_4K);
	struct resource far = DEFINE_RES_IO(0, SZ_4K);

	far.end = (resource_size_t)IO_SPACE_LIMIT + 1;
	KUNIT_EXPECT_EQ(test, devm_pci_remap_iospace(&pdev->dev, &mem, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, devm_pci_remap_iospace(&pdev->dev, &far, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	detach(test);
#else
	kunit_skip(test, "the I/O space of this architecture is not in memory");
#endif
}

static int suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(enabled_until_detach),
	KUNIT_CASE(enabling_can_fail),
	KUNIT_CASE(mwi_until_detach),
	KUNIT_CASE(intx_is_restored),
	KUNIT_CASE(iomap_maps),
	KUNIT_CASE(iomap_region_requests_and_maps),
	KUNIT_CASE(iomap_regions_is_all_or_nothing),
	KUNIT_CASE(regions_are_released),
	KUNIT_CASE(iomap_range_maps_a_part),
	KUNIT_CASE(configuration_space_is_mapped),
	KUNIT_CASE(io_space_is_checked),
	{}
};

static struct kunit_suite suite = {
	.name = "pci_devres",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = init,
	.exit = leave,
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("KUnit test of the device-managed PCI calls");
MODULE_LICENSE("GPL");
