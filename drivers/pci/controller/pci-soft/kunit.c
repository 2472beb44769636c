// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the software PCI bus. It checks that the functions behave as
 * hardware does, because other suites rely on that.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci-soft.h>
#include <linux/sizes.h>
#include <linux/smp.h>

#define VENDOR	0x50c0		/* assigned to nobody */
#define DEVICE	0x10

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return 0;
}

static unsigned int removed;

static void remove(struct pci_dev *pdev)
{
	removed++;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(VENDOR, DEVICE) },
	{ }
};

static struct pci_driver driver = {
	.name = "pci_soft_kunit",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

/*
 * The function of the case, how often its interrupts have been handled, and on
 * which CPU last.
 */
static struct {
	struct pci_soft_func *func;
	struct pci_dev *pdev;
	atomic_t seen[32];
	unsigned int cpu;
} it;

static irqreturn_t count(int irq, void *seen)
{
	it.cpu = raw_smp_processor_id();
	atomic_inc(seen);
	return IRQ_HANDLED;
}

static void unplug_it(struct kunit *test)
{
	pci_soft_remove(it.func);
	it.func = NULL;
}

/* Adds a function, to which the driver binds, and enables it. */
static void plug_in(struct kunit *test, const struct pci_soft_desc *desc)
{
	it.func = pci_soft_add(desc);
	if (IS_ERR(it.func)) {
		int ret = PTR_ERR(it.func);

		it.func = NULL;
		KUNIT_FAIL_AND_ABORT(test, "no function: %d", ret);
	}
	it.pdev = pci_soft_dev(it.func);
	memset(it.seen, 0, sizeof(it.seen));
	KUNIT_ASSERT_PTR_EQ(test, it.pdev->driver, &driver);
	KUNIT_ASSERT_EQ(test, pci_enable_device(it.pdev), 0);
	pci_set_master(it.pdev);
}

static void request(struct kunit *test, unsigned int vector)
{
	KUNIT_ASSERT_EQ(test, request_irq(pci_irq_vector(it.pdev, vector), count, 0, "soft",
					  &it.seen[vector]), 0);
}

static void release(unsigned int vector)
{
	free_irq(pci_irq_vector(it.pdev, vector), &it.seen[vector]);
}

/*
 * Returns whether a vector has interrupted as often as it should, and waits for
 * that for a while.
 */
static bool came(unsigned int vector, int times)
{
	int tries = 200;

	while (atomic_read(&it.seen[vector]) < times && --tries)
		usleep_range(500, 1000);
	return atomic_read(&it.seen[vector]) == times;
}

/*
 * Returns whether a vector does not interrupt any more, and waits for a while
 * to see.
 */
static bool stays(unsigned int vector, int times)
{
	msleep(20);
	return atomic_read(&it.seen[vector]) == times;
}

static u16 config_word(int where)
{
	u16 value;

	pci_read_config_word(it.pdev, where, &value);
	return value;
}

static u32 config_dword(int where)
{
	u32 value;

	pci_read_config_dword(it.pdev, where, &value);
	return value;
}

static void functions_are_as_described(struct kunit *test)
{
	static const u8 vendor_specific[] = { 6, 0, 0xaa, 0x55 };
	static const u8 serial[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct pci_soft_cap caps[] = {
		{ .id = PCI_CAP_ID_VNDR, .size = 4, .bytes = vendor_specific },
		{ .id = PCI_EXT_CAP_ID_DSN, .version = 1, .size = 8, .bytes = serial },
	};
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .class = 0x123456, .revision = 7,
		.subsystem_vendor = 0x1111, .subsystem_device = 0x2222, .express = true,
		.caps = caps, .num_caps = ARRAY_SIZE(caps),
	};
	int at;

	plug_in(test, &desc);
	KUNIT_EXPECT_EQ(test, it.pdev->class, 0x123456);
	KUNIT_EXPECT_EQ(test, it.pdev->revision, 7);
	KUNIT_EXPECT_EQ(test, it.pdev->subsystem_vendor, 0x1111);
	KUNIT_EXPECT_EQ(test, it.pdev->subsystem_device, 0x2222);
	KUNIT_EXPECT_TRUE(test, pci_is_pcie(it.pdev));
	KUNIT_EXPECT_EQ(test, it.pdev->cfg_size, PCI_CFG_SPACE_EXP_SIZE);
	at = pci_find_capability(it.pdev, PCI_CAP_ID_VNDR);
	KUNIT_EXPECT_EQ(test, config_word(at + 4), 0x55aa);
	KUNIT_EXPECT_EQ(test, pci_get_dsn(it.pdev), 0x0807060504030201ULL);

	/* Read-only bits do not change. */
	pci_write_config_dword(it.pdev, PCI_VENDOR_ID, 0);
	KUNIT_EXPECT_EQ(test, config_word(PCI_VENDOR_ID), VENDOR);
}

static void impossible_functions_are_refused(struct kunit *test)
{
	static const struct pci_soft_desc descs[] = {
		{ .bars = { { .size = 3000 } } },
		{ .bars = { [5] = { SZ_4K, PCI_BASE_ADDRESS_MEM_TYPE_64 } } },
		{ .rom_size = SZ_1K },
		{ .msi_vectors = 3 },
		{ .msi_vectors = 64 },
		{ .msix_vectors = 2049, .bars = { { SZ_64K } } },
		{ .msix_vectors = 1 },
		{ .msix_vectors = 256, .bars = { { SZ_4K } } },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(descs); i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, pci_soft_add(&descs[i]), ERR_PTR(-EINVAL),
					"description %u", i);
}

static void bars_are_memory(struct kunit *test)
{
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .rom_size = SZ_2K,
		.bars = {
			{ SZ_4K },
			{ 16, PCI_BASE_ADDRESS_SPACE_IO },
			{ SZ_64K, PCI_BASE_ADDRESS_MEM_PREFETCH | PCI_BASE_ADDRESS_MEM_TYPE_64 },
		},
	};
	void __iomem *bar;
	size_t size;

	plug_in(test, &desc);
	KUNIT_EXPECT_EQ(test, pci_resource_len(it.pdev, 0), SZ_4K);
	KUNIT_EXPECT_EQ(test, pci_resource_len(it.pdev, 2), SZ_64K);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(it.pdev, 1) & IORESOURCE_IO);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(it.pdev, 2) & IORESOURCE_PREFETCH);
	KUNIT_EXPECT_TRUE(test, pci_resource_flags(it.pdev, 2) & IORESOURCE_MEM_64);

	KUNIT_ASSERT_EQ(test, pci_request_regions(it.pdev, "soft"), 0);
	bar = pci_iomap(it.pdev, 2, 0);
	KUNIT_ASSERT_TRUE(test, bar);
	KUNIT_EXPECT_EQ(test, readl(bar + SZ_64K - 4), 0);
	writeb(0x12, bar + 5);
	KUNIT_EXPECT_EQ(test, readl(bar + 4), 0x1200);
	KUNIT_EXPECT_EQ(test, pci_soft_read(it.func, 2, 4), 0x1200);
	pci_soft_write(it.func, 2, 8, 0x3456);
	KUNIT_EXPECT_EQ(test, readw(bar + 8), 0x3456);
	if (IS_ENABLED(CONFIG_INDIRECT_IOMEM)) {
		u16 command = config_word(PCI_COMMAND);

		pci_write_config_word(it.pdev, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
		KUNIT_EXPECT_EQ(test, readl(bar + 4), ~0);
		pci_write_config_word(it.pdev, PCI_COMMAND, command);
		KUNIT_EXPECT_EQ(test, readl(bar + 4), 0x1200);
	}
	pci_iounmap(it.pdev, bar);
	pci_release_regions(it.pdev);

	/*
	 * The ROM has one image of 2048 bytes, whose PCI data structure is at
	 * 0x1c.
	 */
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0, 0xaa55);
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0x18, 0x1c);
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0x1c, 0x52494350);
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0x24, 0x180000);
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0x2c, 4);
	pci_soft_write(it.func, PCI_ROM_RESOURCE, 0x30, 0x8000);
	bar = pci_map_rom(it.pdev, &size);
	KUNIT_ASSERT_TRUE(test, bar);
	KUNIT_EXPECT_EQ(test, size, SZ_2K);
	KUNIT_EXPECT_EQ(test, readw(bar), 0xaa55);
	pci_unmap_rom(it.pdev, bar);
}

/* Returns whether a register gets a value. Without traps that takes a while. */
static bool becomes(void __iomem *reg, u32 value)
{
	int tries = 200;

	while (readl(reg) != value && --tries)
		usleep_range(500, 1000);
	return tries;
}

static void registers_obey_rules(struct kunit *test)
{
	static const u32 steps[] = { 1, 2, 3 };
	static const struct pci_soft_rule rules[] = {
		{ .kind = PCI_SOFT_VALUE, .bar = 0, .offset = 0, .value = 0x12345678 },
		{ .kind = PCI_SOFT_SEQUENCE, .bar = 0, .offset = 4, .values = steps, .count = 3 },
		{ .kind = PCI_SOFT_VALUE, .bar = 0, .offset = 8, .value = 0xff },
		{ .kind = PCI_SOFT_WRITE_1_CLEARS, .bar = 0, .offset = 8, .mask = 0xff },
		{ .kind = PCI_SOFT_ON_WRITE, .bar = 0, .offset = 12, .mask = 1, .value = 1,
		  .then = { .bar = 0, .offset = 16, .mask = 0xf0, .value = 0x70 } },
		{ .kind = PCI_SOFT_VALUE, .bar = PCI_SOFT_CONFIG, .offset = 0x80, .value = 5 },
		{ .kind = PCI_SOFT_WRITE_1_CLEARS, .bar = PCI_SOFT_CONFIG, .offset = 0x80,
		  .mask = 4 },
	};
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .bars = { { SZ_4K } },
		.rules = rules, .num_rules = ARRAY_SIZE(rules),
	};
	void __iomem *bar;

	plug_in(test, &desc);
	bar = pci_iomap(it.pdev, 0, 0);
	KUNIT_ASSERT_TRUE(test, bar);
	KUNIT_EXPECT_EQ(test, readl(bar), 0x12345678);
	if (IS_ENABLED(CONFIG_INDIRECT_IOMEM)) {
		KUNIT_EXPECT_EQ(test, readl(bar + 4), 1);
		KUNIT_EXPECT_EQ(test, readl(bar + 4), 2);
	}
	KUNIT_EXPECT_TRUE(test, becomes(bar + 4, 3));
	KUNIT_EXPECT_TRUE(test, becomes(bar + 4, 3));
	writel(0x0f, bar + 8);
	KUNIT_EXPECT_TRUE(test, becomes(bar + 8, 0xf0));
	writel(3, bar + 12);
	KUNIT_EXPECT_TRUE(test, becomes(bar + 16, 0x70));
	pci_iounmap(it.pdev, bar);

	KUNIT_EXPECT_EQ(test, config_dword(0x80), 5);
	pci_write_config_byte(it.pdev, 0x80, 4);
	KUNIT_EXPECT_EQ(test, config_dword(0x80), 1);
}

static void writes_raise_vectors(struct kunit *test)
{
	static const struct pci_soft_rule rules[] = {
		{ .kind = PCI_SOFT_RAISES, .bar = 0, .offset = 8, .mask = 0xf, .value = 5,
		  .vector = 3 },
	};
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .bars = { { SZ_4K } }, .msi_vectors = 4,
		.rules = rules, .num_rules = ARRAY_SIZE(rules),
	};
	void __iomem *bar;

	plug_in(test, &desc);
	bar = pci_iomap(it.pdev, 0, 0);
	KUNIT_ASSERT_TRUE(test, bar);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 4, 4, PCI_IRQ_MSI), 4);
	request(test, 3);
	writel(4, bar + 8);
	KUNIT_EXPECT_TRUE(test, stays(3, 0));
	writel(0x75, bar + 8);
	KUNIT_EXPECT_TRUE(test, came(3, 1));
	release(3);
	pci_free_irq_vectors(it.pdev);
	pci_iounmap(it.pdev, bar);
}

static void msi_vectors_interrupt(struct kunit *test)
{
	static const struct pci_soft_desc descs[] = {
		{ .vendor = VENDOR, .device = DEVICE, .msi_vectors = 1 },
		{ .vendor = VENDOR, .device = DEVICE, .msi_vectors = 8, .msi_maskable = true },
		{ .vendor = VENDOR, .device = DEVICE, .msi_vectors = 32, .msi_32bit = true },
		{ .vendor = VENDOR, .device = DEVICE, .msi_vectors = 32, .msi_32bit = true,
		  .msi_maskable = true },
	};
	unsigned int i, vector, vectors;

	for (i = 0; i < ARRAY_SIZE(descs); i++) {
		plug_in(test, &descs[i]);
		vectors = descs[i].msi_vectors;
		KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, vectors, vectors, PCI_IRQ_MSI),
				vectors);
		for (vector = 0; vector < vectors; vector++)
			request(test, vector);
		for (vector = 0; vector < vectors; vector++) {
			pci_soft_raise(it.func, vector);
			KUNIT_EXPECT_TRUE_MSG(test, came(vector, 1), "function %u, vector %u", i,
					      vector);
		}
		for (vector = 0; vector < vectors; vector++) {
			KUNIT_EXPECT_EQ(test, atomic_read(&it.seen[vector]), 1);
			release(vector);
		}
		pci_free_irq_vectors(it.pdev);
		unplug_it(test);
	}
}

static const struct pci_soft_desc msix = {
	.vendor = VENDOR, .device = DEVICE, .pm = true, .express = true,
	.msix_vectors = 2048, .msix_bar = 2, .msix_offset = SZ_4K,
	.bars = { [2] = { SZ_64K } },
};

static void msix_vectors_interrupt(struct kunit *test)
{
	struct msi_map map;

	plug_in(test, &msix);
	KUNIT_EXPECT_EQ(test, pci_msix_vec_count(it.pdev), 2048);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 2048, 2048, PCI_IRQ_MSIX), 2048);
	request(test, 0);
	request(test, 31);
	KUNIT_ASSERT_EQ(test, request_irq(pci_irq_vector(it.pdev, 2047), count, 0, "soft",
					  &it.seen[1]), 0);
	pci_soft_raise(it.func, 2047);
	KUNIT_EXPECT_TRUE(test, came(1, 1));
	pci_soft_raise(it.func, 31);
	KUNIT_EXPECT_TRUE(test, came(31, 1));
	KUNIT_EXPECT_TRUE(test, stays(0, 0));
	free_irq(pci_irq_vector(it.pdev, 2047), &it.seen[1]);
	release(31);
	release(0);
	pci_free_irq_vectors(it.pdev);

	/* Vectors can also be allocated one by one. */
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSIX), 1);
	KUNIT_ASSERT_TRUE(test, pci_msix_can_alloc_dyn(it.pdev));
	map = pci_msix_alloc_irq_at(it.pdev, 17, NULL);
	KUNIT_ASSERT_EQ(test, map.index, 17);
	request(test, 17);
	pci_soft_raise(it.func, 17);
	KUNIT_EXPECT_TRUE(test, came(17, 1));
	release(17);
	pci_msix_free_irq(it.pdev, map);
	pci_free_irq_vectors(it.pdev);
}

/* Writes the mask bit of an entry of the MSI-X table behind the back of the PCI core. */
static void mask_entry(unsigned int vector, u32 masked)
{
	writel(masked, it.pdev->msix_base + vector * PCI_MSIX_ENTRY_SIZE +
		       PCI_MSIX_ENTRY_VECTOR_CTRL);
}

static void masked_vectors_stay_pending(struct kunit *test)
{
	static const struct pci_soft_desc maskable = {
		.vendor = VENDOR, .device = DEVICE, .msi_vectors = 2, .msi_maskable = true,
	};
	int flags;

	/* One entry of the table is masked. */
	plug_in(test, &msix);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 2, 2, PCI_IRQ_MSIX), 2);
	request(test, 0);
	request(test, 1);
	mask_entry(1, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	pci_soft_raise(it.func, 1);
	KUNIT_EXPECT_TRUE(test, stays(1, 0));
	KUNIT_EXPECT_TRUE(test, pci_soft_pending(it.func, 1));
	KUNIT_EXPECT_EQ(test, pci_soft_read(it.func, 2, SZ_4K + 2048 * 16), BIT(1));
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, came(0, 1));
	mask_entry(1, 0);
	KUNIT_EXPECT_TRUE(test, came(1, 1));
	KUNIT_EXPECT_FALSE(test, pci_soft_pending(it.func, 1));
	KUNIT_EXPECT_EQ(test, pci_soft_read(it.func, 2, SZ_4K + 2048 * 16), 0);

	/* All entries are masked. */
	flags = it.pdev->msix_cap + PCI_MSIX_FLAGS;
	pci_write_config_word(it.pdev, flags, config_word(flags) | PCI_MSIX_FLAGS_MASKALL);
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, stays(0, 1));
	KUNIT_EXPECT_TRUE(test, pci_soft_pending(it.func, 0));
	pci_write_config_word(it.pdev, flags, config_word(flags) & ~PCI_MSIX_FLAGS_MASKALL);
	KUNIT_EXPECT_TRUE(test, came(0, 2));
	release(0);
	release(1);
	pci_free_irq_vectors(it.pdev);
	unplug_it(test);

	/* MSI. */
	plug_in(test, &maskable);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 2, 2, PCI_IRQ_MSI), 2);
	request(test, 1);
	pci_write_config_dword(it.pdev, it.pdev->msi_cap + PCI_MSI_MASK_64, 3);
	pci_soft_raise(it.func, 1);
	KUNIT_EXPECT_TRUE(test, stays(1, 0));
	KUNIT_EXPECT_EQ(test, config_dword(it.pdev->msi_cap + PCI_MSI_PENDING_64), BIT(1));
	pci_write_config_dword(it.pdev, it.pdev->msi_cap + PCI_MSI_MASK_64, 0);
	KUNIT_EXPECT_TRUE(test, came(1, 1));
	release(1);
	pci_free_irq_vectors(it.pdev);
}

static void disabled_functions_raise_nothing(struct kunit *test)
{
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .pm = true, .msi_vectors = 1,
	};
	int flags;

	plug_in(test, &desc);
	flags = it.pdev->msi_cap + PCI_MSI_FLAGS;
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSI), 1);
	request(test, 0);

	pci_write_config_word(it.pdev, flags, config_word(flags) & ~PCI_MSI_FLAGS_ENABLE);
	pci_soft_raise(it.func, 0);
	pci_write_config_word(it.pdev, flags, config_word(flags) | PCI_MSI_FLAGS_ENABLE);
	KUNIT_EXPECT_TRUE(test, stays(0, 0));

	pci_clear_master(it.pdev);
	pci_soft_raise(it.func, 0);
	pci_set_master(it.pdev);
	KUNIT_EXPECT_TRUE(test, stays(0, 0));

	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, came(0, 1));
	KUNIT_EXPECT_EQ(test, pci_save_state(it.pdev), 0);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(it.pdev, PCI_D3hot), 0);
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_EQ(test, pci_set_power_state(it.pdev, PCI_D0), 0);
	/* The function has forgotten everything. */
	KUNIT_EXPECT_FALSE(test, config_word(flags) & PCI_MSI_FLAGS_ENABLE);
	pci_restore_state(it.pdev);
	KUNIT_EXPECT_TRUE(test, stays(0, 1));
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, came(0, 2));
	release(0);
	pci_free_irq_vectors(it.pdev);
}

static irqreturn_t lower(int irq, void *seen)
{
	/*
	 * INTx is level-triggered, and the handler does not lower it the first
	 * time.
	 */
	if (atomic_inc_return(seen) == 2)
		pci_soft_lower(it.func);
	return IRQ_HANDLED;
}

static void intx_interrupts_until_lowered(struct kunit *test)
{
	static const struct pci_soft_desc desc = {
		.vendor = VENDOR, .device = DEVICE, .intx = true, .msi_vectors = 1,
	};

	plug_in(test, &desc);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_INTX), 1);
	KUNIT_ASSERT_EQ(test, request_irq(pci_irq_vector(it.pdev, 0), lower, 0, "soft",
					  &it.seen[0]), 0);
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, came(0, 2));
	KUNIT_EXPECT_TRUE(test, stays(0, 2));

	pci_intx(it.pdev, 0);
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, stays(0, 2));
	KUNIT_EXPECT_TRUE(test, config_word(PCI_STATUS) & PCI_STATUS_INTERRUPT);
	pci_soft_lower(it.func);
	KUNIT_EXPECT_FALSE(test, config_word(PCI_STATUS) & PCI_STATUS_INTERRUPT);
	pci_intx(it.pdev, 1);
	release(0);
}

static void functions_can_be_reset(struct kunit *test)
{
	plug_in(test, &msix);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSIX), 1);
	request(test, 0);
	pci_write_config_byte(it.pdev, PCI_CACHE_LINE_SIZE, 0x10);
	KUNIT_EXPECT_EQ(test, pci_save_state(it.pdev), 0);
	KUNIT_EXPECT_EQ(test, pcie_flr(it.pdev), 0);
	KUNIT_EXPECT_EQ(test, config_word(it.pdev->msix_cap + PCI_MSIX_FLAGS), 2047);
	KUNIT_EXPECT_EQ(test, config_word(PCI_CACHE_LINE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, pci_soft_read(it.func, 2, SZ_4K + PCI_MSIX_ENTRY_VECTOR_CTRL),
			PCI_MSIX_ENTRY_CTRL_MASKBIT);
	pci_soft_raise(it.func, 0);

	/* When its state is restored, it works again. */
	pci_restore_state(it.pdev);
	KUNIT_EXPECT_EQ(test, config_word(PCI_CACHE_LINE_SIZE), 0x10);
	KUNIT_EXPECT_TRUE(test, stays(0, 0));
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, came(0, 1));
	release(0);
	pci_free_irq_vectors(it.pdev);
}

static void interrupts_follow_affinity(struct kunit *test)
{
	unsigned int cpu, times = 0;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is one CPU only");
	plug_in(test, &msix);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSIX), 1);
	request(test, 0);
	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_EQ(test, irq_set_affinity(pci_irq_vector(it.pdev, 0),
						       cpumask_of(cpu)), 0);
		pci_soft_raise(it.func, 0);
		KUNIT_EXPECT_TRUE(test, came(0, ++times));
		KUNIT_EXPECT_EQ(test, it.cpu, cpu);
	}
	release(0);
	pci_free_irq_vectors(it.pdev);
}

static void be_busy(void *unused)
{
	mdelay(5);
}

static irqreturn_t count_slowly(int irq, void *seen)
{
	mdelay(5);
	return count(irq, seen);
}

/*
 * An interrupt on its way to a CPU that has its interrupts off is handled before
 * the flush is over.
 */
static void flush_waits_for_other_cpus(struct kunit *test)
{
	static call_single_data_t call = CSD_INIT(be_busy, NULL);
	unsigned int cpu;
	int irq, seen;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is one CPU only");
	plug_in(test, &msix);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSIX), 1);
	irq = pci_irq_vector(it.pdev, 0);
	KUNIT_ASSERT_EQ(test, request_irq(irq, count_slowly, 0, "soft", &it.seen[0]), 0);
	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	irq_set_affinity(irq, cpumask_of(cpu));
	smp_call_function_single_async(cpu, &call);
	pci_soft_raise(it.func, 0);
	pci_soft_flush();
	seen = atomic_read(&it.seen[0]);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, seen, 1);
	release(0);
	pci_free_irq_vectors(it.pdev);
}

static void functions_can_be_pulled_out(struct kunit *test)
{
	void __iomem *bar;
	unsigned int before = removed;

	plug_in(test, &msix);
	KUNIT_ASSERT_EQ(test, pci_alloc_irq_vectors(it.pdev, 1, 1, PCI_IRQ_MSIX), 1);
	request(test, 0);
	bar = pci_iomap(it.pdev, 2, 0);
	KUNIT_ASSERT_TRUE(test, bar);
	KUNIT_EXPECT_TRUE(test, pci_device_is_present(it.pdev));

	pci_soft_unplug(it.func);
	KUNIT_EXPECT_FALSE(test, pci_device_is_present(it.pdev));
	KUNIT_EXPECT_EQ(test, config_word(PCI_COMMAND), 0xffff);
	KUNIT_EXPECT_EQ(test, readl(bar), ~0);
	pci_soft_raise(it.func, 0);
	KUNIT_EXPECT_TRUE(test, stays(0, 0));

	pci_iounmap(it.pdev, bar);
	release(0);
	pci_free_irq_vectors(it.pdev);
	unplug_it(test);
	KUNIT_EXPECT_EQ(test, removed, before + 1);
}

static void leave(struct kunit *test)
{
	if (it.func)
		unplug_it(test);
}

static int suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(functions_are_as_described),
	KUNIT_CASE(impossible_functions_are_refused),
	KUNIT_CASE(bars_are_memory),
	KUNIT_CASE(registers_obey_rules),
	KUNIT_CASE(writes_raise_vectors),
	KUNIT_CASE(msi_vectors_interrupt),
	KUNIT_CASE(msix_vectors_interrupt),
	KUNIT_CASE(masked_vectors_stay_pending),
	KUNIT_CASE(disabled_functions_raise_nothing),
	KUNIT_CASE(intx_interrupts_until_lowered),
	KUNIT_CASE(functions_can_be_reset),
	KUNIT_CASE(interrupts_follow_affinity),
	KUNIT_CASE(flush_waits_for_other_cpus),
	KUNIT_CASE(functions_can_be_pulled_out),
	{}
};

static struct kunit_suite suite = {
	.name = "pci_soft",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.exit = leave,
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("KUnit test of the software PCI bus");
MODULE_LICENSE("GPL");
