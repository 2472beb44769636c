// SPDX-License-Identifier: GPL-2.0
/* Measures how much memory a bound device keeps, as the slab allocator counts it. */

#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include "bench.h"

#define OBJECTS		256

/* The memory that the task has allocated and not freed. */
static struct {
	const void *ptr;
	size_t size;
} held[OBJECTS];
static struct task_struct *task;

static void note(const void *ptr, size_t size)
{
	unsigned int i;

	if (current != task || !ptr)
		return;
	for (i = 0; i < OBJECTS; i++) {
		if (held[i].ptr)
			continue;
		held[i].ptr = ptr;
		held[i].size = size;
		return;
	}
}

static void forget(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		if (ptr && held[i].ptr == ptr)
			held[i].ptr = NULL;
}

static void on_kmalloc(void *data, unsigned long site, const void *ptr, size_t req, size_t size,
		       gfp_t flags, int node)
{
	note(ptr, size);
}

static void on_kfree(void *data, unsigned long site, const void *ptr)
{
	forget(ptr);
}

static size_t sum(void)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		if (held[i].ptr)
			bytes += held[i].size;
		held[i].ptr = NULL;
	}
	return bytes;
}

static size_t bytes;

#define MEASURED(name, code)						\
static int name(struct pci_dev *pdev)					\
{									\
	int ret;							\
									\
	task = current;							\
	ret = (code);							\
	task = NULL;							\
	bytes = sum();							\
	return ret < 0 ? ret : 0;					\
}

MEASURED(enabled, pcim_enable_device(pdev))
MEASURED(one_bar, PTR_ERR_OR_ZERO((__force void *)pcim_iomap_region(pdev, 0, "bench")))
MEASURED(table, pcim_iomap(pdev, 0, 0) ? 0 : -ENOMEM)
MEASURED(explicit, pci_enable_device(pdev) ?: pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI))
MEASURED(managed, pcim_enable_device(pdev) ?: alloc_managed(pdev, 1, PCI_IRQ_MSI))
MEASURED(all, pcim_enable_device(pdev) ?:
	      PTR_ERR_OR_ZERO((__force void *)pcim_iomap_region(pdev, 0, "bench")) ?:
	      alloc_managed(pdev, 1, PCI_IRQ_MSI))

static int explicit_and_free(struct pci_dev *pdev)
{
	int ret = explicit(pdev);

	pci_free_irq_vectors(pdev);
	pci_disable_device(pdev);
	return ret;
}

static const struct {
	const char *name;
	bench_job job;
} jobs[] = {
	{ "enabled", enabled },
	{ "mapped_region", one_bar },
	{ "mapped_with_table", table },
	{ "explicit_MSI", explicit_and_free },
	{ "managed_MSI", managed },
	{ "enabled_mapped_managed_MSI", all },
};

int bench_slab(void)
{
	unsigned int i;
	int ret;

	ret = register_trace_kmalloc(on_kmalloc, NULL);
	ret = ret ?: register_trace_kfree(on_kfree, NULL);
	for (i = 0; i < ARRAY_SIZE(jobs) && !ret; i++) {
		ret = bench_run(bench_edu(), jobs[i].job);
		if (!ret)
			result("slab/%s %zu", jobs[i].name, bytes);
	}
	result("size/struct_pci_dev %zu", sizeof(struct pci_dev));
	unregister_trace_kmalloc(on_kmalloc, NULL);
	unregister_trace_kfree(on_kfree, NULL);
	tracepoint_synchronize_unregister();
	return ret;
}
