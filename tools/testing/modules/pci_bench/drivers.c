// SPDX-License-Identifier: GPL-2.0
/*
 * Whole drivers, bound and unbound, and interrupts delivered to them.
 *
 * What is counted of a driver is what the task executes that binds it, with
 * the interrupts it takes; other threads that work for the driver, and time in
 * which everybody sleeps, are not.
 */

#include <linux/interrupt.h>
#include <linux/sched.h>

#include "bench.h"

/* EDU registers */
#define EDU_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACK		0x64

/* How long this task has run; brought up to date by the scheduler. */
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

	if (!driver)
		return 0;
	if (!pdev)
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
	ret = ret ?: measure("rust_driver_pci_explicit", bench_edu());
	ret = ret ?: measure("rust_driver_pci_managed", bench_edu());
	ret = ret ?: measure("rust_driver_pci_msix", e1000e);
	pci_dev_put(e1000e);
	pci_dev_put(nvme);
	pci_dev_put(ahci);
	return ret;
}

/* --- Interrupts ----------------------------------------------------------------------------- */

/*
 * Has the device raise its interrupt, which is delivered and handled before
 * the next instruction, and tells how many that took.
 */
static int deliver(struct pci_dev *pdev, u64 *min)
{
	void __iomem *regs = ioremap(pci_resource_start(pdev, 0), 0x100);
	u64 t0, t1;
	unsigned int i;
	int ret = 0;

	if (!regs)
		return -ENOMEM;
	for (i = 0; i < ROUNDS; i++) {
		t0 = now();
		writel(1, regs + EDU_RAISE);
		t1 = now();
		/* The handler has acknowledged it. */
		if (readl(regs + EDU_STATUS)) {
			ret = -EIO;
			break;
		}
		least(min, t1 - t0);
	}
	iounmap(regs);
	return ret;
}

static irqreturn_t handler(int irq, void *data)
{
	void __iomem *regs = data;
	u32 reasons = readl(regs + EDU_STATUS);

	if (!reasons)
		return IRQ_NONE;
	writel(reasons, regs + EDU_ACK);
	return IRQ_HANDLED;
}

static int with_handler(struct pci_dev *pdev)
{
	u64 min = U64_MAX;
	void __iomem *regs;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	regs = pcim_iomap_region(pdev, 0, "bench");
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	pci_set_master(pdev);
	ret = alloc_managed(pdev, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), handler, IRQF_SHARED, "bench",
			       (__force void *)regs);
	ret = ret ?: deliver(pdev, &min);
	if (!ret)
		result("interrupt/C %llu", min);
	return ret;
}

int bench_interrupts(void)
{
	struct device_driver *driver = driver_find("pci_bench_handler", &pci_bus_type);
	struct pci_dev *pdev = bench_edu();
	u64 min = U64_MAX;
	int ret;

	ret = bench_run(pdev, with_handler);
	if (ret || !driver)
		return ret;

	ret = device_driver_attach(driver, &pdev->dev);
	if (ret)
		return ret;
	ret = deliver(pdev, &min);
	device_release_driver(&pdev->dev);
	if (!ret)
		result("interrupt/Rust %llu", min);
	return ret;
}
