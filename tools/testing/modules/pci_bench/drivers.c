// SPDX-License-Identifier: GPL-2.0
/*
 * Measures whole drivers, which are bound and unbound.
 *
 * The instructions of the task that binds the driver are counted, with the interrupts that it
 * takes. Other threads that work for the driver, and time in which every task sleeps, are not
 * counted.
 */

#include <linux/sched.h>

#include "bench.h"

/* Returns how long this task has run. The scheduler brings the value up to date. */
static u64 executed(void)
{
	yield();
	return current->se.sum_exec_runtime;
}

static int bind_driver(struct device_driver *driver, struct device *dev, u64 *bind, u64 *unbind)
{
	u64 t0, t1;
	int ret;

	t0 = executed();
	ret = device_driver_attach(driver, dev);
	t1 = executed();
	if (ret)
		return ret;
	least(bind, t1 - t0);

	t0 = executed();
	device_release_driver(dev);
	t1 = executed();
	least(unbind, t1 - t0);
	return 0;
}

static int measure(const char *name, struct pci_dev *pdev)
{
	struct device_driver *driver = driver_find(name, &pci_bus_type);
	u64 bind = U64_MAX, unbind = U64_MAX, empty = U64_MAX;
	unsigned int i;
	u64 t0;
	int ret = 0;

	if (!driver || !pdev)
		return -ENODEV;

	for (i = 0; i < 6 && !ret; i++) {
		t0 = executed();
		least(&empty, executed() - t0);
		ret = bind_driver(driver, &pdev->dev, &bind, &unbind);
	}
	if (ret) {
		pr_err("bench: %s does not bind\n", name);
		return ret;
	}
	result("driver/%s/bind %llu", name, net(bind, empty));
	result("driver/%s/unbind %llu", name, net(unbind, empty));
	return 0;
}

int bench_drivers(void)
{
	struct pci_dev *e1000e = pci_get_device(PCI_VENDOR_ID_INTEL, 0x10d3, NULL);
	struct pci_dev *nvme = pci_get_class(PCI_CLASS_STORAGE_EXPRESS, NULL);
	struct pci_dev *ahci = pci_get_class(PCI_CLASS_STORAGE_SATA_AHCI, NULL);
	int ret;

	ret = measure("ahci", ahci);
	ret = ret ?: measure("e1000e", e1000e);
	ret = ret ?: measure("nvme", nvme);
	pci_dev_put(e1000e);
	pci_dev_put(nvme);
	pci_dev_put(ahci);
	return ret;
}
