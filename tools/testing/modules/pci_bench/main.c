// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the instructions that managed PCI resources and interrupt vectors take. It is built for
 * the stock kernel and for ours from the same source.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

static bench_job current_job;

static int bench_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	/* Only this module binds the driver. */
	return current_job ? current_job(pdev) : -ENODEV;
}

static const struct pci_device_id bench_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ PCI_DEVICE_CLASS(PCI_CLASS_STORAGE_EXPRESS, 0xffffff) },
	{ }
};

static struct pci_driver bench_driver = {
	.name = "pci_bench",
	.id_table = bench_ids,
	.probe = bench_probe,
};

int bench_attach(struct pci_dev *pdev, bench_job job)
{
	int ret;

	/* Purge address ranges that devres has unmapped, so that the allocator finds them again. */
	vm_unmap_aliases();
	current_job = job;
	ret = device_driver_attach(&bench_driver.driver, &pdev->dev);
	current_job = NULL;
	return ret;
}

void bench_detach(struct pci_dev *pdev)
{
	device_release_driver(&pdev->dev);
}

int bench_run(struct pci_dev *pdev, bench_job job)
{
	int ret = bench_attach(pdev, job);

	if (!ret)
		bench_detach(pdev);
	return ret;
}

static void stamp(void *when)
{
	*(u64 *)when = now();
}

int mark(struct pci_dev *pdev, u64 *when)
{
	return devm_add_action(&pdev->dev, stamp, when);
}

struct held {
	struct held *next;
};

static struct held *held;

void shift(void)
{
	size_t size;

	for (size = 16; size <= 512; size += size < 256 ? 16 : 64) {
		struct held *more = kmalloc(size, GFP_KERNEL);

		if (!more)
			return;
		more->next = held;
		held = more;
	}
}

static void unshift(void)
{
	while (held) {
		struct held *next = held->next;

		kfree(held);
		held = next;
	}
}

/* The devices stay, because nothing is unplugged in this machine. */
struct pci_dev *bench_nth_edu(unsigned int n)
{
	struct pci_dev *pdev = NULL;

	for (;;) {
		pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, pdev);
		if (!pdev || !n--)
			break;
	}
	pci_dev_put(pdev);
	return pdev;
}

struct pci_dev *bench_edu(void)
{
	return bench_nth_edu(0);
}

/* Keeps new messages off the console. Earlier ones are still printed. */
static void quiet(bool on)
{
	static int level;

	/* The console has its own thread, which is slow at times that vary. */
	msleep(500);
	if (on)
		level = console_loglevel;
	console_loglevel = on ? 0 : level;
}

static char results[SZ_32K];
static size_t results_len;

void result(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	results_len += vscnprintf(results + results_len, sizeof(results) - results_len, fmt, args);
	va_end(args);
	results_len += scnprintf(results + results_len, sizeof(results) - results_len, "\n");
}

static void print_results(void)
{
	char *rest = results, *line;

	while ((line = strsep(&rest, "\n")) && *line)
		pr_info("bench: %s\n", line);
}

static const struct {
	const char *name;
	int (*run)(void);
} parts[] = {
	{ "calls", bench_calls },
	{ "entries", bench_entries },
	{ "vectors", bench_vectors },
	{ "devices", bench_devices },
	{ "slab", bench_slab },
	{ "registers", bench_registers },
	{ "drivers", bench_drivers },
	{ "reads", bench_reads },
};

static int __init bench_init(void)
{
	unsigned int i;
	int ret;

	ret = pci_register_driver(&bench_driver);
	if (ret)
		return ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		/* This shows in the log that the module is alive. */
		pr_info("bench: %s\n", parts[i].name);
		quiet(true);
		ret = parts[i].run();
		quiet(false);
		unshift();
		if (ret) {
			pr_err("bench: %s failed with %d\n", parts[i].name, ret);
			break;
		}
	}
	print_results();
	if (ret)
		pci_unregister_driver(&bench_driver);
	return ret;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	pci_unregister_driver(&bench_driver);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Counts instructions of managed PCI resources");
MODULE_LICENSE("GPL");
