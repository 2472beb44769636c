/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark share.
 *
 * Under QEMU's -icount shift=0 the time-stamp counter counts instructions, so
 * every number here is one of instructions, with interrupts that came
 * meanwhile. The least of some rounds is the one without.
 */
#ifndef PCI_BENCH_H
#define PCI_BENCH_H

#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/printk.h>
#include <asm/msr.h>

#define ROUNDS		20

/* Notes a result, one line; all are printed in the end, so that no console interferes. */
__printf(1, 2) void result(const char *fmt, ...);

/* Something to run while the benchmark's driver is bound to a device. */
typedef int (*bench_job)(struct pci_dev *pdev);

/* Binds the benchmark's driver to @pdev, runs @job in its probe function, and unbinds it. */
int bench_run(struct pci_dev *pdev, bench_job job);

/* The same in two steps, for jobs that leave something to detach. */
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
 * Has devres note in *@when the time at which it gets here when it releases
 * what the device has. Entries are released in reverse order: those that were
 * added between two marks take what is between the second and the first.
 */
int mark(struct pci_dev *pdev, u64 *when);

/*
 * To be called in every round: holds one object more of each size until the
 * part is done, so that some rounds are without the allocator refilling its
 * caches, in which no caller has a part.
 */
void shift(void);

/* What is left of a cost without what measuring it costs. */
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
