// SPDX-License-Identifier: GPL-2.0
/*
 * Measures allocation and release of interrupt vectors by both owners, and whole bindings of one to
 * 64 devices.
 */

#include <linux/rcupdate.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "bench.h"

/* The number of edu devices. */
#define DEVICES		64

/* What a job allocates. */
static unsigned int count, flags;

/* The times at which devres released the marks before and after the allocation. */
static u64 oldest, newest;

static struct {
	u64 empty;
	u64 first, alloc, free, explicit_cycle;
	u64 managed_alloc, managed_free, managed_release, managed_cycle;
} min;

/* The cost of the driver's part of the last job, and of its first allocation. */
static u64 probe_took, alloc_took;

static int nothing(struct pci_dev *pdev)
{
	return mark(pdev, &oldest) ?: mark(pdev, &newest);
}

/* A driver that is not managed makes the first allocation of a binding, and a later one. */
static int explicit(struct pci_dev *pdev)
{
	int ret, ret2;
	u64 t[5];

	ret = pci_enable_device(pdev) ?: mark(pdev, &oldest);
	if (ret)
		return ret;
	t[0] = now();
	ret = pci_alloc_irq_vectors(pdev, count, count, flags);
	t[1] = now();
	pci_free_irq_vectors(pdev);
	t[2] = now();
	ret2 = pci_alloc_irq_vectors(pdev, count, count, flags);
	t[3] = now();
	pci_free_irq_vectors(pdev);
	t[4] = now();
	pci_disable_device(pdev);
	alloc_took = t[1] - t[0];
	least(&min.first, alloc_took);
	least(&min.alloc, t[3] - t[2]);
	least(&min.free, t[4] - t[3]);
	probe_took = t[2] - t[0];
	return ret == count && ret2 == count ? mark(pdev, &newest) : -ENOSPC;
}

/* A driver leaves the vectors to the device. */
static int managed(struct pci_dev *pdev)
{
	u64 t[2];
	int ret;

	ret = pcim_enable_device(pdev) ?: mark(pdev, &oldest);
	if (ret)
		return ret;
	t[0] = now();
	ret = alloc_managed(pdev, count, flags);
	t[1] = now();
	alloc_took = t[1] - t[0];
	probe_took = alloc_took;
	least(&min.managed_alloc, alloc_took);
	return ret == count ? mark(pdev, &newest) : -ENOSPC;
}

/* A driver frees them while it is bound. */
static int managed_early(struct pci_dev *pdev)
{
	u64 t[2];
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = alloc_managed(pdev, count, flags);
	t[0] = now();
	free_managed(pdev);
	t[1] = now();
	least(&min.managed_free, t[1] - t[0]);
	return ret == count ? 0 : -ENOSPC;
}

/*
 * Interrupts are freed after a grace period. After it the memory of the last job is available
 * again.
 */
static int run(struct pci_dev *pdev, bench_job job)
{
	rcu_barrier();
	return bench_run(pdev, job);
}

static int run_explicit(struct pci_dev *pdev, s64 *over)
{
	int ret = run(pdev, explicit);

	*over -= alloc_took;
	least(&min.explicit_cycle, probe_took + oldest - newest);
	return ret;
}

static int run_managed(struct pci_dev *pdev, s64 *over)
{
	int ret = run(pdev, managed);

	*over += alloc_took;
	least(&min.managed_release, oldest - newest);
	least(&min.managed_cycle, probe_took + oldest - newest);
	return ret ?: run(pdev, managed_early);
}

static int compare(const void *a, const void *b)
{
	s64 d = *(const s64 *)a - *(const s64 *)b;

	return d < 0 ? -1 : d > 0;
}

static int one_more(struct pci_dev *pdev)
{
	int ret = pcim_enable_device(pdev) ?: alloc_managed(pdev, 1, PCI_IRQ_MSI);

	return ret < 0 ? ret : 0;
}

static int both(struct pci_dev *pdev, unsigned int n, unsigned int type, const char *label)
{
	u64 t0 = now(), empty = now() - t0;
	static s64 over[DEVICES - 1];
	unsigned int i, rounds = n == 1 ? ARRAY_SIZE(over) : ROUNDS;
	int ret = 0;

	if (!pdev)
		return -ENODEV;
	count = n;
	flags = type;
	memset(&min, 0xff, sizeof(min));

	/*
	 * In turns, so that both find the same memory allocator, and each time
	 * with one more interrupt, for what shift() is for.
	 */
	for (i = 0; i < rounds; i++) {
		shift();
		ret = bench_attach(bench_nth_edu(i + 1), one_more) ?: run(pdev, nothing);
		if (ret)
			return ret;
		least(&min.empty, oldest - newest);

		over[i] = 0;
		ret = i % 2 ? run_managed(pdev, &over[i]) ?: run_explicit(pdev, &over[i]) :
			      run_explicit(pdev, &over[i]) ?: run_managed(pdev, &over[i]);
		if (ret)
			return ret;
	}
	while (i)
		bench_detach(bench_nth_edu(i--));
	result("explicit/first_alloc/%s %llu", label, net(min.first, empty));
	result("explicit/alloc/%s %llu", label, net(min.alloc, empty));
	result("explicit/free/%s %llu", label, net(min.free, empty));
	result("explicit/bind/%s %llu", label, net(min.explicit_cycle, 2 * empty + min.empty));
	result("managed/alloc/%s %llu", label, net(min.managed_alloc, empty));
	result("managed/release/%s %llu", label, net(min.managed_release, min.empty));
	result("managed/bind/%s %llu", label, net(min.managed_cycle, empty + min.empty));
	result("managed/free/%s %llu", label, net(min.managed_free, empty));
	if (n > 1)
		return 0;
	/*
	 * Take the median of the rounds: in most of them only the call itself costs, in others the
	 * allocator works as well.
	 */
	sort(over, rounds, sizeof(over[0]), compare, NULL);
	result("over/pcim_alloc_irq_vectors/%s %llu", label, max(over[rounds / 2], 0LL));
	return 0;
}

int bench_vectors(void)
{
	struct pci_dev *nvme = pci_get_class(PCI_CLASS_STORAGE_EXPRESS, NULL);
	unsigned int n;
	char name[16];
	int ret;

	ret = both(bench_edu(), 1, PCI_IRQ_MSI, "MSI_1");
	for (n = 1; n <= 64 && !ret; n *= 8) {
		snprintf(name, sizeof(name), "MSI-X_%u", n);
		ret = both(nvme, n, PCI_IRQ_MSIX, name);
	}
	pci_dev_put(nvme);
	return ret;
}

/* --- Devices -------------------------------------------------------------------------------- */

static int bind_nothing(struct pci_dev *pdev)
{
	return 0;
}

/* This is what most drivers with managed resources do. */
static int bind_managed(struct pci_dev *pdev)
{
	void __iomem *addr;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	addr = pcim_iomap_region(pdev, 0, "bench");
	if (IS_ERR(addr))
		return PTR_ERR(addr);
	pci_set_master(pdev);
	ret = alloc_managed(pdev, 1, PCI_IRQ_MSI);
	return ret < 0 ? ret : 0;
}

/* Binds @n devices, then unbinds them. Returns the sum of the least that each took. */
static int bind_many(bench_job job, unsigned int n, u64 *sum)
{
	static u64 attach[DEVICES], detach[DEVICES];
	static struct pci_dev *edu[DEVICES];
	unsigned int i, round;
	u64 t0, t1;
	int ret;

	for (i = 0; i < n; i++) {
		edu[i] = bench_nth_edu(i);
		if (!edu[i])
			return -ENODEV;
		attach[i] = U64_MAX;
		detach[i] = U64_MAX;
	}
	for (round = 0; round < 5; round++) {
		for (i = 0; i < n; i++) {
			t0 = now();
			ret = bench_attach(edu[i], job);
			t1 = now();
			if (ret)
				return ret;
			least(&attach[i], t1 - t0);
		}
		for (i = 0; i < n; i++) {
			t0 = now();
			bench_detach(edu[i]);
			t1 = now();
			least(&detach[i], t1 - t0);
		}
	}
	for (i = 0, *sum = 0; i < n; i++)
		*sum += attach[i] + detach[i];
	return 0;
}

int bench_devices(void)
{
	unsigned int n;
	u64 empty, sum;
	int ret;

	for (n = 1; n <= DEVICES; n *= 8) {
		ret = bind_many(bind_nothing, n, &empty) ?: bind_many(bind_managed, n, &sum);
		if (ret)
			return ret;
		result("devices/%u %llu", n, net(sum, empty));
	}
	return 0;
}
