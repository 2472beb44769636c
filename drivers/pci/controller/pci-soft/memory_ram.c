// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: the memory of its functions where accesses cannot be
 * trapped. It is RAM that the kernel does not use. A thread polls it for what
 * drivers have written.
 *
 * ioremap() and request_mem_region() refuse RAM. So the memory was either
 * reserved at boot, by "memmap=" or "mem=" on the command line, or it consists
 * of pages that are allocated and taken out of "System RAM" in the resource
 * tree as long as they belong to the bus.
 */

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "soft.h"

static unsigned long memory_start;
module_param(memory_start, ulong, 0444);
MODULE_PARM_DESC(memory_start, "Physical address of memory that was set aside for the bus");

static unsigned long memory_size;
module_param(memory_size, ulong, 0444);
MODULE_PARM_DESC(memory_size, "Size of that memory");

struct resource soft_window;

static void __iomem *memory;
static struct task_struct *thread;

u32 soft_memory_read(u32 at)
{
	return readl(memory + at);
}

void soft_memory_write(u32 at, u32 value)
{
	writel(value, memory + at);
}

void soft_memory_fill(u32 at, u8 value, size_t size)
{
	memset_io(memory + at, value, size);
}

/* --- Pages of the kernel's own --- */

#define PAGES_ORDER	get_order(SZ_4M)

static struct page *pages;
/* The RAM resources before the pages and after them. */
static struct resource *head, *tail;

static void give_pages_back(void)
{
	if (tail) {
		resource_size_t end = tail->end;

		if (tail->parent)
			release_resource(tail);
		kfree(tail);
		tail = NULL;
		WARN_ON(adjust_resource(head, head->start, end - head->start + 1));
	}
	if (pages)
		__free_pages(pages, PAGES_ORDER);
	pages = NULL;
}

/*
 * Returns the RAM resource that contains a range. At that time nothing else of
 * this size changes the tree.
 */
static struct resource *find_ram(resource_size_t start, resource_size_t end)
{
	struct resource *res;

	for (res = iomem_resource.child; res; res = res->sibling)
		if (res->start < start && res->end >= end &&
		    (res->flags & IORESOURCE_SYSTEM_RAM) == IORESOURCE_SYSTEM_RAM)
			return res;
	return NULL;
}

static int take_pages(void)
{
	resource_size_t start, end;
	int ret;

	/*
	 * Without __GFP_DMA32 the pages may be above the addresses of a 32-bit
	 * BAR.
	 */
	pages = alloc_pages(GFP_KERNEL | GFP_DMA32 | __GFP_NOWARN, PAGES_ORDER);
	if (!pages)
		return -ENOMEM;
	start = page_to_phys(pages);
	end = start + SZ_4M - 1;

	head = find_ram(start, end);
	if (!head) {
		ret = -ENXIO;
		goto fail;
	}
	tail = kzalloc_obj(*tail);
	if (!tail) {
		ret = -ENOMEM;
		goto fail;
	}
	*tail = DEFINE_RES_NAMED(end + 1, head->end - end, head->name, head->flags);
	ret = adjust_resource(head, head->start, start - head->start);
	if (ret) {
		/* The kernel image comes after the pages. */
		kfree(tail);
		tail = NULL;
		goto fail;
	}
	if (tail->start <= tail->end)
		ret = request_resource(&iomem_resource, tail);
	soft_window = DEFINE_RES_MEM_NAMED(start, SZ_4M, "PCI soft");
	ret = ret ?: request_resource(&iomem_resource, &soft_window);
	if (!ret)
		return 0;
fail:
	give_pages_back();
	return ret;
}

/* --- Memory that was set aside --- */

static int take_range(void)
{
	soft_window = DEFINE_RES_MEM_NAMED(memory_start, memory_size, "PCI soft");
	/*
	 * On x86 the memory is "Reserved", and this resource becomes a child of
	 * that.
	 */
	return insert_resource(&iomem_resource, &soft_window);
}

/* --- Both --- */

/*
 * For this time after a write the thread looks more often, because a driver that
 * has written something often waits for what comes of it, and writes again.
 */
#define BUSY_JIFFIES	msecs_to_jiffies(20)

static int look(void *unused)
{
	unsigned long written = jiffies - BUSY_JIFFIES;
	unsigned int slot;

	while (!kthread_should_stop()) {
		for (slot = 0; slot < SOFT_SLOTS; slot++) {
			guard(raw_spinlock_irqsave)(&soft_lock);
			if (!soft_funcs[slot] || !soft_is_on(soft_funcs[slot]))
				continue;
			if (soft_registers_poll(soft_funcs[slot]))
				written = jiffies;
			soft_interrupts_update(soft_funcs[slot]);
		}
		if (time_before(jiffies, written + BUSY_JIFFIES))
			usleep_range(10, 20);
		else
			usleep_range(200, 400);
	}
	return 0;
}

int soft_memory_init(void)
{
	int ret = memory_size ? take_range() : take_pages();

	if (ret) {
		pr_err("pci-soft: no memory for BARs (%d), set some aside: see memory_start\n",
		       ret);
		return ret;
	}
	memory = ioremap(soft_window.start, resource_size(&soft_window));
	thread = memory ? kthread_run(look, NULL, "pci-soft") : ERR_PTR(-ENOMEM);
	if (!IS_ERR(thread))
		return 0;
	ret = PTR_ERR(thread);
	thread = NULL;
	soft_memory_exit();
	return ret;
}

void soft_memory_exit(void)
{
	if (thread)
		kthread_stop(thread);
	thread = NULL;
	if (memory)
		iounmap(memory);
	memory = NULL;
	remove_resource(&soft_window);
	give_pages_back();
}
