// SPDX-License-Identifier: GPL-2.0
/*
 * Each of the 16 devres calls alone, and with its release.
 *
 * Every call is made in a binding of its own, whose detach releases what the
 * call left.
 */

#include "bench.h"

struct step {
	const char *name;
	int (*before)(struct pci_dev *pdev);
	int (*call)(struct pci_dev *pdev);
	void (*after)(struct pci_dev *pdev);
	/* The call leaves something to release. */
	bool leaves;
};

static void __iomem *mapping;

static int nothing(struct pci_dev *pdev)
{
	return 0;
}

static int mapped(void __iomem *addr)
{
	mapping = addr;
	return IS_ERR_OR_NULL((__force void *)addr) ? -ENOMEM : 0;
}

static int do_enable_device(struct pci_dev *pdev)
{
	return pcim_enable_device(pdev);
}

static int do_pin_device(struct pci_dev *pdev)
{
	pcim_pin_device(pdev);
	return 0;
}

static void unpin(struct pci_dev *pdev)
{
	pdev->pinned = 0;
}

static int do_intx(struct pci_dev *pdev)
{
	return pcim_intx(pdev, 1);
}

static int open_group(struct pci_dev *pdev)
{
	return devres_open_group(&pdev->dev, NULL, GFP_KERNEL) ? 0 : -ENOMEM;
}

static int group_and_intx(struct pci_dev *pdev)
{
	return open_group(pdev) ?: do_intx(pdev);
}

static int do_set_mwi(struct pci_dev *pdev)
{
	return pcim_set_mwi(pdev);
}

static int do_iomap_table(struct pci_dev *pdev)
{
	return pcim_iomap_table(pdev) ? 0 : -ENOMEM;
}

static int group_and_iomap_table(struct pci_dev *pdev)
{
	return open_group(pdev) ?: do_iomap_table(pdev);
}

static int do_iomap(struct pci_dev *pdev)
{
	return mapped(pcim_iomap(pdev, 0, 0));
}

static int do_iounmap(struct pci_dev *pdev)
{
	pcim_iounmap(pdev, mapping);
	return 0;
}

static int do_iomap_region(struct pci_dev *pdev)
{
	return mapped(pcim_iomap_region(pdev, 0, "bench"));
}

static int do_iounmap_region(struct pci_dev *pdev)
{
	pcim_iounmap_region(pdev, 0);
	return 0;
}

static int do_iomap_regions(struct pci_dev *pdev)
{
	return pcim_iomap_regions(pdev, BIT(0), "bench");
}

static int do_request_region(struct pci_dev *pdev)
{
	return pcim_request_region(pdev, 0, "bench");
}

static int do_request_all_regions(struct pci_dev *pdev)
{
	return pcim_request_all_regions(pdev, "bench");
}

static int do_iomap_range(struct pci_dev *pdev)
{
	return mapped(pcim_iomap_range(pdev, 0, 0, 4096));
}

static int do_remap_cfgspace(struct pci_dev *pdev)
{
	return mapped(devm_pci_remap_cfgspace(&pdev->dev, pci_resource_start(pdev, 0), 4096));
}

static int do_remap_cfg_resource(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_MEM_NAMED(pci_resource_start(pdev, 0), 4096, "bench");

	return mapped(devm_pci_remap_cfg_resource(&pdev->dev, &res));
}

/*
 * There is no memory mapped I/O space on x86, which the kernel says once: not
 * on the console, where it would look like trouble.
 */
static int do_remap_iospace(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_IO(0, 16);

	return devm_pci_remap_iospace(&pdev->dev, &res, 0) == -ENODEV ? 0 : -EINVAL;
}

static const struct step steps[] = {
	{ "empty", NULL, nothing, NULL, true },
	{ "pcim_enable_device", NULL, do_enable_device, NULL, true },
	{ "pcim_enable_device.again", do_enable_device, do_enable_device, NULL },
	{ "pcim_pin_device", NULL, do_pin_device, unpin },
	{ "pcim_set_mwi", NULL, do_set_mwi, NULL, true },
	{ "pcim_intx", NULL, do_intx, NULL, true },
	{ "pcim_intx.again", do_intx, do_intx, NULL },
	{ "pcim_intx.in_group", open_group, do_intx, NULL },
	{ "pcim_intx.in_group.again", group_and_intx, do_intx, NULL },
	{ "pcim_iomap_table", NULL, do_iomap_table, NULL, true },
	{ "pcim_iomap_table.again", do_iomap_table, do_iomap_table, NULL },
	{ "pcim_iomap_table.in_group", open_group, do_iomap_table, NULL },
	{ "pcim_iomap_table.in_group.again", group_and_iomap_table, do_iomap_table, NULL },
	{ "pcim_iomap", NULL, do_iomap, NULL, true },
	{ "pcim_iounmap", do_iomap, do_iounmap, NULL },
	{ "pcim_iomap_region", NULL, do_iomap_region, NULL, true },
	{ "pcim_iounmap_region", do_iomap_region, do_iounmap_region, NULL },
	{ "pcim_iomap_regions", NULL, do_iomap_regions, NULL, true },
	{ "pcim_request_region", NULL, do_request_region, NULL, true },
	{ "pcim_request_all_regions", NULL, do_request_all_regions, NULL, true },
	{ "pcim_iomap_range", NULL, do_iomap_range, NULL, true },
	{ "devm_pci_remap_iospace", NULL, do_remap_iospace, NULL },
	{ "devm_pci_remap_cfgspace", NULL, do_remap_cfgspace, NULL, true },
	{ "devm_pci_remap_cfg_resource", NULL, do_remap_cfg_resource, NULL, true },
};

struct cost {
	u64 call;
	u64 release;
};

static const struct step *step;
static struct cost cost;
static u64 newest, oldest;

static int job(struct pci_dev *pdev)
{
	u64 t0, t1;
	int ret;

	ret = step->before ? step->before(pdev) : 0;
	ret = ret ?: mark(pdev, &oldest);
	if (ret)
		return ret;
	t0 = now();
	ret = step->call(pdev);
	t1 = now();
	if (step->after)
		step->after(pdev);
	least(&cost.call, t1 - t0);
	return ret ?: mark(pdev, &newest);
}

static int measure(struct pci_dev *pdev)
{
	unsigned int i;
	int ret;

	cost = (struct cost){ U64_MAX, U64_MAX };
	for (i = 0; i < ROUNDS; i++) {
		shift();
		ret = bench_run(pdev, job);
		if (ret) {
			pr_err("bench: %s failed\n", step->name);
			return ret;
		}
		least(&cost.release, oldest - newest);
	}
	return 0;
}

static int measure_all(struct pci_dev *pdev)
{
	struct cost empty = {};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		step = &steps[i];
		ret = measure(pdev);
		if (ret)
			return ret;
		if (!i) {
			empty = cost;
			continue;
		}
		result("call/%s %llu", step->name, net(cost.call, empty.call));
		if (step->leaves)
			result("cycle/%s %llu", step->name, net(cost.call, empty.call) +
			       net(cost.release, empty.release));
	}
	return 0;
}

int bench_calls(void)
{
	struct pci_dev *pdev = bench_edu();

	return pdev ? measure_all(pdev) : -ENODEV;
}
