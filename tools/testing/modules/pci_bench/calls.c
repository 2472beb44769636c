// SPDX-License-Identifier: GPL-2.0
/*
 * Measures each of the 16 devres calls alone with its release, and next to it the calls of a driver
 * that releases by itself.
 *
 * Every call is made in its own binding, and detach releases what the call acquired.
 */

#include "bench.h"

/* A call, the setup that it needs, and the cleanup of what devres does not release. */
struct call {
	int (*before)(struct pci_dev *pdev);
	int (*call)(struct pci_dev *pdev);
	void (*after)(struct pci_dev *pdev);
};

struct step {
	const char *name;
	struct call managed;
	/* The call that the managed call wraps, if any. */
	struct call plain;
	/* Whether the managed call leaves something to release. */
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

static int do_set_mwi(struct pci_dev *pdev)
{
	return pcim_set_mwi(pdev);
}

static int do_iomap_table(struct pci_dev *pdev)
{
	return pcim_iomap_table(pdev) ? 0 : -ENOMEM;
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
 * x86 has no memory mapped I/O space, of which the kernel warns once. The warning is kept off the
 * console, where it would look like a fault.
 */
static int do_remap_iospace(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_IO(0, 16);

	return devm_pci_remap_iospace(&pdev->dev, &res, 0) == -ENODEV ? 0 : -EINVAL;
}

/* --- What is wrapped ------------------------------------------------------------------------ */

static void unmap(struct pci_dev *pdev)
{
	pci_iounmap(pdev, mapping);
}

static void release(struct pci_dev *pdev)
{
	pci_release_region(pdev, 0);
}

static void unmap_and_release(struct pci_dev *pdev)
{
	unmap(pdev);
	release(pdev);
}

static int plain_enable_device(struct pci_dev *pdev)
{
	return pci_enable_device(pdev);
}

static void disable_twice(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
	pci_disable_device(pdev);
}

static int plain_set_mwi(struct pci_dev *pdev)
{
	return pci_set_mwi(pdev);
}

static int plain_intx(struct pci_dev *pdev)
{
	pci_intx(pdev, 1);
	return 0;
}

static int plain_iomap(struct pci_dev *pdev)
{
	return mapped(pci_iomap(pdev, 0, 0));
}

static int plain_iounmap(struct pci_dev *pdev)
{
	unmap(pdev);
	return 0;
}

static int plain_request_region(struct pci_dev *pdev)
{
	return pci_request_region(pdev, 0, "bench");
}

static int plain_iomap_region(struct pci_dev *pdev)
{
	return plain_request_region(pdev) ?: plain_iomap(pdev);
}

static int plain_iounmap_region(struct pci_dev *pdev)
{
	unmap_and_release(pdev);
	return 0;
}

static int plain_request_all_regions(struct pci_dev *pdev)
{
	return pci_request_regions(pdev, "bench");
}

static void release_all_regions(struct pci_dev *pdev)
{
	pci_release_regions(pdev);
}

static int plain_iomap_range(struct pci_dev *pdev)
{
	return mapped(pci_iomap_range(pdev, 0, 0, 4096));
}

static int plain_remap_iospace(struct pci_dev *pdev)
{
	struct resource res = DEFINE_RES_IO(0, 16);

	return pci_remap_iospace(&res, 0) == -ENODEV ? 0 : -EINVAL;
}

static int plain_remap_cfgspace(struct pci_dev *pdev)
{
	return mapped(pci_remap_cfgspace(pci_resource_start(pdev, 0), 4096));
}

static void unmap_cfgspace(struct pci_dev *pdev)
{
	iounmap(mapping);
}

static int plain_remap_cfg_resource(struct pci_dev *pdev)
{
	if (!request_mem_region(pci_resource_start(pdev, 0), 4096, "bench"))
		return -EBUSY;
	return plain_remap_cfgspace(pdev);
}

static void unmap_cfg_resource(struct pci_dev *pdev)
{
	unmap_cfgspace(pdev);
	release_mem_region(pci_resource_start(pdev, 0), 4096);
}

/*
 * Nearly all of enabling a device is ACPI, in which a few instructions cannot be measured. So the
 * extra cost of the managed call is counted on a device that is enabled already.
 */
static const struct step steps[] = {
	{ "empty", { NULL, nothing }, {}, true },
	{ "pcim_enable_device", { NULL, do_enable_device }, {}, true },
	{ "pcim_enable_device.again", { do_enable_device, do_enable_device },
	  { plain_enable_device, plain_enable_device, disable_twice } },
	{ "pcim_pin_device", { NULL, do_pin_device, unpin } },
	{ "pcim_set_mwi", { NULL, do_set_mwi }, { NULL, plain_set_mwi, pci_clear_mwi }, true },
	{ "pcim_intx", { NULL, do_intx }, { NULL, plain_intx }, true },
	{ "pcim_intx.again", { do_intx, do_intx }, { NULL, plain_intx } },
	{ "pcim_iomap_table", { NULL, do_iomap_table }, {}, true },
	{ "pcim_iomap_table.again", { do_iomap_table, do_iomap_table } },
	{ "pcim_iomap", { NULL, do_iomap }, { NULL, plain_iomap, unmap }, true },
	{ "pcim_iounmap", { do_iomap, do_iounmap }, { plain_iomap, plain_iounmap } },
	{ "pcim_iomap_region", { NULL, do_iomap_region },
	  { NULL, plain_iomap_region, unmap_and_release }, true },
	{ "pcim_iounmap_region", { do_iomap_region, do_iounmap_region },
	  { plain_iomap_region, plain_iounmap_region } },
	{ "pcim_iomap_regions", { NULL, do_iomap_regions },
	  { NULL, plain_iomap_region, unmap_and_release }, true },
	{ "pcim_request_region", { NULL, do_request_region },
	  { NULL, plain_request_region, release }, true },
	{ "pcim_request_all_regions", { NULL, do_request_all_regions },
	  { NULL, plain_request_all_regions, release_all_regions }, true },
	{ "pcim_iomap_range", { NULL, do_iomap_range }, { NULL, plain_iomap_range, unmap }, true },
	{ "devm_pci_remap_iospace", { NULL, do_remap_iospace }, { NULL, plain_remap_iospace } },
	{ "devm_pci_remap_cfgspace", { NULL, do_remap_cfgspace },
	  { NULL, plain_remap_cfgspace, unmap_cfgspace }, true },
	{ "devm_pci_remap_cfg_resource", { NULL, do_remap_cfg_resource },
	  { NULL, plain_remap_cfg_resource, unmap_cfg_resource }, true },
};

struct cost {
	u64 call;
	u64 release;
};

static const struct call *current_call;
static struct cost cost;
static u64 newest, oldest;

static int job(struct pci_dev *pdev)
{
	const struct call *this = current_call;
	u64 t0, t1;
	int ret;

	ret = this->before ? this->before(pdev) : 0;
	ret = ret ?: mark(pdev, &oldest);
	if (ret)
		return ret;
	t0 = now();
	ret = this->call(pdev);
	t1 = now();
	if (this->after)
		this->after(pdev);
	least(&cost.call, t1 - t0);
	return ret ?: mark(pdev, &newest);
}

static int measure(struct pci_dev *pdev, const struct step *step, const struct call *call)
{
	unsigned int i;
	int ret;

	current_call = call;
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
	struct cost empty = {}, managed;
	const struct step *step;
	int ret;

	for (step = steps; step < steps + ARRAY_SIZE(steps); step++) {
		ret = measure(pdev, step, &step->managed);
		if (ret)
			return ret;
		if (step == steps) {
			empty = cost;
			continue;
		}
		managed = cost;
		result("call/%s %llu", step->name, net(managed.call, empty.call));
		if (step->leaves)
			result("cycle/%s %llu", step->name, net(managed.call, empty.call) +
			       net(managed.release, empty.release));
		if (!step->plain.call)
			continue;
		ret = measure(pdev, step, &step->plain);
		if (ret)
			return ret;
		result("over/%s %llu", step->name, net(managed.call, cost.call));
	}
	return 0;
}

int bench_calls(void)
{
	struct pci_dev *pdev = bench_edu();

	return pdev ? measure_all(pdev) : -ENODEV;
}
