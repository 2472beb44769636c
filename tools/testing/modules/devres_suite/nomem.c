// SPDX-License-Identifier: GPL-2.0
/*
 * Makes every allocation of every call fail once, one after the other. The call must return an error and
 * leave nothing. This needs CONFIG_FAILSLAB, and failslab's debugfs file ignore-gfp-wait set to N.
 */

#include <linux/sched.h>

#include "suite.h"

static const struct hardware e1000e[] = { E1000E };
KUNIT_ARRAY_PARAM(e1000e, e1000e, hardware_name);

static long do_iomap(struct pci_dev *pdev)
{
	return pcim_iomap(pdev, 0, 0) ? 0 : -ENOMEM;
}

static long do_iomap_range(struct pci_dev *pdev)
{
	return PTR_ERR_OR_ZERO((void __force *)pcim_iomap_range(pdev, 0, 0, 0));
}

/* Unmaps an address when the table cannot be allocated. */
static long do_iounmap(struct pci_dev *pdev)
{
	void __iomem *addr = pcim_iomap_range(pdev, 0, 0, 0);

	if (IS_ERR((void __force *)addr))
		return PTR_ERR((void __force *)addr);
	pcim_iounmap(pdev, addr);
	return 0;
}

static long do_iomap_region(struct pci_dev *pdev)
{
	return PTR_ERR_OR_ZERO((void __force *)pcim_iomap_region(pdev, 0, "region"));
}

static long do_iomap_regions(struct pci_dev *pdev)
{
	return pcim_iomap_regions(pdev, BIT(0) | BIT(1), "regions");
}

/* Does the same with an address that was not mapped. */
static long do_iomap_regions_busy(struct pci_dev *pdev)
{
	long ret;

	if (pci_request_region(pdev, 1, "another"))
		return -ENOMEM;
	ret = pcim_iomap_regions(pdev, BIT(1), "regions");
	pci_release_region(pdev, 1);
	return ret;
}

static long do_request(struct pci_dev *pdev)
{
	return pcim_request_region(pdev, 0, "request");
}

static long do_request_all(struct pci_dev *pdev)
{
	return pcim_request_all_regions(pdev, "all");
}

static long do_table(struct pci_dev *pdev)
{
	return pcim_iomap_table(pdev) ? 0 : -ENOMEM;
}

static long do_enable(struct pci_dev *pdev)
{
	return pcim_enable_device(pdev);
}

static long do_mwi(struct pci_dev *pdev)
{
	return pcim_set_mwi(pdev);
}

static long do_intx(struct pci_dev *pdev)
{
	return pcim_intx(pdev, 0);
}

static long do_cfgspace(struct pci_dev *pdev)
{
	return devm_pci_remap_cfgspace(&pdev->dev, pci_resource_start(pdev, 0), PAGE_SIZE) ? 0 : -ENOMEM;
}

static long do_cfg_resource(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_MEM_NAMED(pci_resource_start(pdev, 0), PAGE_SIZE, "part");

	return PTR_ERR_OR_ZERO((void __force *)devm_pci_remap_cfg_resource(&pdev->dev, &res));
}

static long do_cfg_resource_nameless(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_MEM(pci_resource_start(pdev, 0), PAGE_SIZE);

	return PTR_ERR_OR_ZERO((void __force *)devm_pci_remap_cfg_resource(&pdev->dev, &res));
}

static long do_iospace(struct pci_dev *pdev)
{
	static const struct resource res = DEFINE_RES_IO(0x1000, 0x1000);

	return devm_pci_remap_iospace(&pdev->dev, &res, pci_resource_start(pdev, 0));
}

/*
 * @due: how many allocations it makes. The first is its entry, later ones
 * are those of what it calls, which report some as another error.
 */
static const struct {
	const char *name;
	long (*call)(struct pci_dev *pdev);
	unsigned int due;
	long in_the_end;
} calls[] = {
	{ "pcim_iomap", do_iomap, 3 },
	{ "pcim_iomap_range", do_iomap_range, 2 },
	{ "pcim_iounmap", do_iounmap, 2 },
	{ "pcim_iomap_region", do_iomap_region, 3 },
	{ "pcim_iomap_regions", do_iomap_regions, 7 },
	{ "pcim_iomap_regions, busy", do_iomap_regions_busy, 4, -EBUSY },
	{ "pcim_request_region", do_request, 2 },
	{ "pcim_request_all_regions", do_request_all, 10 },
	{ "pcim_iomap_table", do_table, 1 },
	{ "pcim_enable_device", do_enable, 1 },
	{ "pcim_set_mwi", do_mwi, 1 },
	{ "pcim_intx", do_intx, 1 },
	{ "devm_pci_remap_cfgspace", do_cfgspace, 2 },
	{ "devm_pci_remap_cfg_resource", do_cfg_resource, 4 },
	{ "devm_pci_remap_cfg_resource, nameless", do_cfg_resource_nameless, 4 },
	{ "devm_pci_remap_iospace", do_iospace, 1, -ENODEV },
};

/* Makes the call while allocation number @nth fails. Returns whether there were that many. */
static bool fail_nth(struct pci_dev *pdev, unsigned int call, unsigned int nth, long *ret)
{
	bool failed;

	current->fail_nth = nth;
	*ret = calls[call].call(pdev);
	failed = !current->fail_nth;
	current->fail_nth = 0;
	return failed;
}

static void allocations_fail(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int call, nth, failures;
	long ret;

	bind(test);
	for (call = 0; call < ARRAY_SIZE(calls); call++) {
		const char *name = calls[call].name;
		bool failed;

		failures = 0;
		nth = 0;
		do {
			void *group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
			const u16 before = command(pdev);

			KUNIT_ASSERT_NOT_NULL(test, group);
			/* At most one warning is expected. */
			kunit_warning_suppress(test) {
				failed = fail_nth(pdev, call, ++nth, &ret);
				KUNIT_EXPECT_LE(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1);
			}
			say("%s, allocation %u: %ld", name, nth, ret);
			if (nth == 1)
				KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "%s", name);
			if (!failed)
				KUNIT_EXPECT_EQ_MSG(test, ret, calls[call].in_the_end, "%s", name);
			/* Some callers can do without the memory. */
			if (failed && ret) {
				failures++;
				/* Without the table, C keeps the BAR until detach. */
				if (calls[call].call != do_iomap_regions || ret != -ENOMEM)
					EXPECT_STATE(test, 0, 0);
				KUNIT_EXPECT_EQ_MSG(test, command(pdev), before, "%s", name);
				KUNIT_EXPECT_EQ(test, atomic_read(&pdev->enable_cnt), 0);
			}
			devres_release_group(&pdev->dev, group);
			EXPECT_STATE(test, 0, 0);
			KUNIT_EXPECT_EQ(test, entries(pdev), 0);
			/*
			 * The other allocations of enabling are those of ACPI, which does not handle
			 * failures well.
			 */
		} while (failed && nth < 100 && calls[call].call != do_enable);
		KUNIT_EXPECT_GE_MSG(test, failures, calls[call].due, "%s", name);
	}
	detach(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(allocations_fail, e1000e_gen_params),
	{ }
};

static struct kunit_suite suite = {
	.name = "devres_nomem",
	.init = case_init,
	.exit = case_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
