// SPDX-License-Identifier: GPL-2.0
/* Measures calls that look for an entry when the device has many others. */

#include <linux/device.h>
#include <linux/string.h>

#include "bench.h"

static void other_release(struct device *dev, void *res)
{
}

/* These entries belong to somebody else, and are newer than the one that is looked for. */
static int add_others(struct pci_dev *pdev, unsigned int count)
{
	while (count--) {
		void *res = devres_alloc(other_release, 8, GFP_KERNEL);

		if (!res)
			return -ENOMEM;
		devres_add(&pdev->dev, res);
	}
	return 0;
}

static unsigned int others;
static struct {
	u64 table, intx, iounmap, iounmap_region;
} min;

static int job(struct pci_dev *pdev)
{
	void __iomem *range;
	u64 t[5];
	int ret;

	range = pcim_iomap(pdev, 0, 4096);
	ret = range ? 0 : -ENOMEM;
	ret = ret ?: pcim_intx(pdev, 1);
	ret = ret ?: PTR_ERR_OR_ZERO((__force void *)pcim_iomap_region(pdev, 0, "bench"));
	ret = ret ?: add_others(pdev, others);
	if (ret)
		return ret;
	t[0] = now();
	pcim_iomap_table(pdev);
	t[1] = now();
	pcim_intx(pdev, 1);
	t[2] = now();
	pcim_iounmap(pdev, range);
	t[3] = now();
	pcim_iounmap_region(pdev, 0);
	t[4] = now();
	least(&min.table, t[1] - t[0]);
	least(&min.intx, t[2] - t[1]);
	least(&min.iounmap, t[3] - t[2]);
	least(&min.iounmap_region, t[4] - t[3]);
	return 0;
}

int bench_entries(void)
{
	u64 t0 = now(), empty = now() - t0;
	unsigned int i;
	int ret;

	for (others = 1; others <= 4096; others *= 64) {
		memset(&min, 0xff, sizeof(min));
		for (i = 0; i < ROUNDS; i++) {
			shift();
			ret = bench_run(bench_edu(), job);
			if (ret)
				return ret;
		}
		result("entries/pcim_iomap_table/%u %llu", others, net(min.table, empty));
		result("entries/pcim_intx/%u %llu", others, net(min.intx, empty));
		result("entries/pcim_iounmap/%u %llu", others, net(min.iounmap, empty));
		result("entries/pcim_iounmap_region/%u %llu", others, net(min.iounmap_region, empty));
	}
	return 0;
}
