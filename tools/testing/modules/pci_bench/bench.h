/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations that the parts of the benchmark share.
 *
 * Under QEMU's -icount shift=0 the time-stamp counter counts instructions, so every number here is
 * a number of instructions, including those of interrupts that arrived at the time. The smallest
 * number of several rounds is one without interrupts.
 */
#ifndef PCI_BENCH_H
#define PCI_BENCH_H

#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/printk.h>
#include <asm/msr.h>

#define ROUNDS		20

/*
 * Records a result, one line. All are printed at the end, so that the console does not interfere.
 */
__printf(1, 2) void result(const char *fmt, ...);

/* Something to run while the benchmark's driver is bound to a device. */
typedef int (*bench_job)(struct pci_dev *pdev);

/* Binds the benchmark's driver to @pdev, runs @job in its probe function, and unbinds it. */
int bench_run(struct pci_dev *pdev, bench_job job);

/* This does the same in two steps, for jobs that leave something to detach. */
int bench_attach(struct pci_dev *pdev, bench_job job);
void bench_detach(struct pci_dev *pdev);

static inline u64 now(void)
{
	return rdtsc_ordered();
}

static inline void least(u64 *min, u64 value)
{
	if (value < *min)
		*min = value;
}

/*
 * Adds an entry that stores in *@when the time at which devres releases it. Entries are released in
 * reverse order, so the time between the second mark and the first is that of the entries which
 * were added between them.
 */
int mark(struct pci_dev *pdev, u64 *when);

/*
 * Call this in every round. It holds one more object of each size until the part is done, so that
 * in some rounds the allocator does not refill its caches, which is not the caller's cost.
 */
void shift(void);

/* Returns a cost without the cost of measuring it. */
static inline u64 net(u64 cost, u64 empty)
{
	return cost > empty ? cost - empty : 0;
}

/*
 * The managed calls. The stock kernel has none by name: there,
 * pci_alloc_irq_vectors() is managed after pcim_enable_device().
 */
static inline int alloc_managed(struct pci_dev *pdev, unsigned int n, unsigned int flags)
{
#ifdef CONFIG_PCI_DEVRES_RUST
	return pcim_alloc_irq_vectors(pdev, n, n, flags);
#else
	return pci_alloc_irq_vectors(pdev, n, n, flags);
#endif
}

static inline void free_managed(struct pci_dev *pdev)
{
#ifdef CONFIG_PCI_DEVRES_RUST
	pcim_free_irq_vectors(pdev);
#else
	pci_free_irq_vectors(pdev);
#endif
}

struct pci_dev *bench_edu(void);
struct pci_dev *bench_nth_edu(unsigned int n);

int bench_calls(void);
int bench_entries(void);
int bench_vectors(void);
int bench_devices(void);
int bench_drivers(void);
int bench_reads(void);
int bench_registers(void);
int bench_slab(void);

#endif
