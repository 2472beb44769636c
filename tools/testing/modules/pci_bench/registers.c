// SPDX-License-Identifier: GPL-2.0
/*
 * Measures accesses to registers, and interrupts until a handler has acknowledged them, in C.
 * pci_bench_rust does the same in Rust.
 */

#include <linux/interrupt.h>
#include <linux/io.h>

#include "bench.h"

/* EDU registers */
#define EDU_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACK		0x64
/* The source of the DMA engine. Writing it has no effect until the engine is started. */
#define EDU_SCRATCH	0x80

/* A single instruction would be lost among those that read the counter. */
#define FOUR(x)		do { x; x; x; x; } while (0)
#define SIXTEEN(x)	do { FOUR(x); FOUR(x); FOUR(x); FOUR(x); } while (0)

#define MEASURE(label, access)						\
({									\
	u64 min = U64_MAX, empty = U64_MAX, t0, t1, t2;			\
	unsigned int i;							\
									\
	for (i = 0; i < ROUNDS; i++) {					\
		t0 = now();						\
		t1 = now();						\
		SIXTEEN(access);					\
		t2 = now();						\
		least(&empty, t1 - t0);					\
		least(&min, t2 - t1);					\
	}								\
	result("access/C/" label " %llu", net(min, empty));		\
})

static int bar(struct pci_dev *pdev, void __iomem **regs)
{
	int ret = pcim_enable_device(pdev);

	*regs = ret ? IOMEM_ERR_PTR(ret) : pcim_iomap_region(pdev, 0, "bench");
	return PTR_ERR_OR_ZERO((__force void *)*regs);
}

static int access(struct pci_dev *pdev)
{
	void __iomem *regs;
	int ret = bar(pdev, &regs);
	u32 value;

	if (ret)
		return ret;
	MEASURE("read8", readb(regs + EDU_SCRATCH));
	MEASURE("read16", readw(regs + EDU_SCRATCH));
	MEASURE("read32", readl(regs + EDU_SCRATCH));
	MEASURE("read64", readq(regs + EDU_SCRATCH));
	/* The compiler does not know this value. It could load a constant anew for each write. */
	value = readl(regs + EDU_SCRATCH);
	MEASURE("write8", writeb(value, regs + EDU_SCRATCH));
	MEASURE("write16", writew(value, regs + EDU_SCRATCH));
	MEASURE("write32", writel(value, regs + EDU_SCRATCH));
	MEASURE("write64", writeq(value, regs + EDU_SCRATCH));
	return 0;
}

/* --- Interrupts ----------------------------------------------------------------------------- */

/*
 * Makes the device raise its interrupt, which is delivered and handled before the next instruction.
 * Returns how many instructions that took.
 */
static int deliver(struct pci_dev *pdev, const char *name)
{
	void __iomem *regs = ioremap(pci_resource_start(pdev, 0), 0x100);
	u64 min = U64_MAX, t0, t1;
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
		least(&min, t1 - t0);
	}
	iounmap(regs);
	if (!ret)
		result("interrupt/%s %llu", name, min);
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
	void __iomem *regs;
	int ret = bar(pdev, &regs);

	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = alloc_managed(pdev, 1, PCI_IRQ_MSI);
	if (ret < 0)
		return ret;
	ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), handler, IRQF_SHARED, "bench",
			       (__force void *)regs);
	return ret ?: deliver(pdev, "C");
}

int bench_registers(void)
{
	struct device_driver *driver = driver_find("pci_bench_rust", &pci_bus_type);
	struct pci_dev *pdev = bench_edu();
	int ret;

	ret = bench_run(pdev, access) ?: bench_run(pdev, with_handler);
	if (ret || !driver)
		return ret;

	ret = device_driver_attach(driver, &pdev->dev);
	if (ret)
		return ret;
	ret = deliver(pdev, "Rust");
	device_release_driver(&pdev->dev);
	return ret;
}
