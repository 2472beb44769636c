// SPDX-License-Identifier: GPL-2.0
/*
 * Measures reading a disk 4 KiB at a time, one read after the other.
 *
 * The instructions of the reading task are counted, as with whole drivers. The task sleeps when the
 * disk interrupts, so the interrupt is not counted.
 */

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "bench.h"

#define READS		64

static u64 executed(void)
{
	yield();
	return current->se.sum_exec_runtime;
}

static int read_file(const char *name, struct file *file, void *page)
{
	u64 all = U64_MAX, empty = U64_MAX;
	unsigned int i, n;
	u64 t0;

	for (i = 0; i < ROUNDS; i++) {
		loff_t pos = 0;

		t0 = executed();
		least(&empty, executed() - t0);

		t0 = executed();
		for (n = 0; n < READS; n++) {
			ssize_t ret = kernel_read(file, page, SZ_4K, &pos);

			if (ret != SZ_4K)
				return ret < 0 ? ret : -EIO;
		}
		least(&all, executed() - t0);
	}
	result("driver/read_4k/%s %llu", name, net(all, empty) / READS);
	return 0;
}

/* The driver's file appears after a while. */
static struct file *open_file(const char *path, int flags)
{
	unsigned int tries;
	struct file *file;

	for (tries = 0; tries < 100; tries++) {
		file = filp_open(path, O_RDONLY | flags, 0);
		if (!IS_ERR(file))
			break;
		msleep(100);
	}
	return file;
}

static int measure(const char *name, const char *driver_name, const char *path, int flags)
{
	struct device_driver *driver = driver_find(driver_name, &pci_bus_type);
	struct pci_dev *pdev = pci_get_class(PCI_CLASS_STORAGE_EXPRESS, NULL);
	void *page = (void *)__get_free_page(GFP_KERNEL);
	struct file *file;
	int ret = -ENODEV;

	/* The stock kernel has no such driver in Rust. */
	if (!driver) {
		ret = 0;
		goto out;
	}
	if (!pdev || !page)
		goto out;
	ret = device_driver_attach(driver, &pdev->dev);
	if (ret)
		goto out;
	file = open_file(path, flags);
	ret = PTR_ERR_OR_ZERO(file);
	if (!ret) {
		ret = read_file(name, file, page);
		filp_close(file, NULL);
	}
	device_release_driver(&pdev->dev);
out:
	if (ret)
		pr_err("bench: %s does not read\n", driver_name);
	free_page((unsigned long)page);
	pci_dev_put(pdev);
	return ret;
}

int bench_reads(void)
{
	int ret;

	/* This bypasses the page cache. */
	ret = measure("C", "nvme", "/dev/nvme0n1", O_DIRECT);
	return ret ?: measure("Rust", "rust_driver_pci_nvme", "/dev/nvme-rust0", 0);
}
