// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the root ports of the software PCI bus. The kernel's hot-plug
 * driver binds a driver to functions behind a port, and detaches it from those
 * that are pulled out.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/pci-soft.h>
#include <linux/sizes.h>

#include "../../pci.h"

#define VENDOR	0x50c0		/* assigned to nobody */
#define DEVICE	0x11

static const struct pci_soft_desc desc = {
	.vendor = VENDOR, .device = DEVICE, .class = PCI_CLASS_OTHERS << 16, .express = true,
	.bars = { { SZ_4K }, { SZ_64K } }, .msix_vectors = 4, .msix_bar = 1,
};

/* The port and the function of the case, and what the driver has seen. */
static struct {
	struct pci_soft_func *port;
	struct pci_soft_func *func;
	void __iomem *bar;
	int irq;
	unsigned int interrupts;
	unsigned int probed;
	unsigned int removed;
	bool disconnected;		/* in remove() */
	u16 vendor;			/* as remove() reads it */
	bool pulls_out;			/* probe() pulls out the function */
	int probe_returns;
	unsigned int free_vectors;	/* of the bus, before the function came */
} it;

static irqreturn_t count(int irq, void *unused)
{
	it.interrupts++;
	return IRQ_HANDLED;
}

static void tear_down(struct pci_dev *pdev)
{
	free_irq(it.irq, &it);
	pci_free_irq_vectors(pdev);
	pci_iounmap(pdev, it.bar);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
}

static int set_up(struct pci_dev *pdev)
{
	int ret = pci_enable_device(pdev) ?: pci_request_regions(pdev, "soft");

	if (ret)
		return ret;
	pci_set_master(pdev);
	it.bar = pci_iomap(pdev, 0, 0);
	ret = pci_alloc_irq_vectors(pdev, 4, 4, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	it.irq = pci_irq_vector(pdev, 3);
	ret = request_irq(it.irq, count, 0, "soft", &it);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = set_up(pdev);

	it.probed++;
	if (ret)
		return ret;
	if (it.pulls_out) {
		/* pci_soft_add_behind() may be about to return. */
		while (!READ_ONCE(it.func))
			msleep(20);
		pci_soft_unplug(it.func);
	}
	if (it.probe_returns) {
		tear_down(pdev);
		return it.probe_returns;
	}
	return 0;
}

static void remove(struct pci_dev *pdev)
{
	it.removed++;
	it.disconnected = pci_dev_is_disconnected(pdev);
	/* The PCI core does not ask a disconnected device, so this asks the bus. */
	pci_bus_read_config_word(pdev->bus, pdev->devfn, PCI_VENDOR_ID, &it.vendor);
	tear_down(pdev);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(VENDOR, DEVICE) },
	{ }
};

static struct pci_driver driver = {
	.name = "pci_soft_kunit_ports",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

static struct pci_bus *behind_port(void)
{
	return pci_soft_dev(it.port)->subordinate;
}

static unsigned int free_vectors(void)
{
	return pci_soft_take_vectors(UINT_MAX);
}

static void add_port(struct kunit *test)
{
	struct pci_soft_func *port = pci_soft_add_port();

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, port);
	it.port = port;
	if (!pci_soft_dev(port)->driver)
		kunit_skip(test, "there is no port driver");
	pci_soft_settle(port);
	it.free_vectors = free_vectors();
}

/* Plugs a function in behind the port, and waits for what comes of it. */
static void plug_in(struct kunit *test, const struct pci_soft_desc *desc)
{
	struct pci_soft_func *func = pci_soft_add_behind(it.port, desc);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, func);
	WRITE_ONCE(it.func, func);
	pci_soft_settle(it.port);
}

static void expect_bound(struct kunit *test)
{
	struct pci_dev *pdev = pci_soft_dev(it.func);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_ASSERT_PTR_EQ(test, pdev->driver, &driver);
	KUNIT_EXPECT_PTR_EQ(test, pdev->bus, behind_port());
	it.interrupts = 0;
	pci_soft_raise(it.func, 3);
	pci_soft_flush();
	KUNIT_EXPECT_EQ(test, it.interrupts, 1);
}

/* Nothing is left of the function: no device, no vectors, no addresses. */
static void expect_nothing(struct kunit *test)
{
	struct resource *window = &pci_soft_dev(it.port)->resource[PCI_BRIDGE_MEM_WINDOW];

	KUNIT_EXPECT_TRUE(test, list_empty(&behind_port()->devices));
	KUNIT_EXPECT_EQ(test, free_vectors(), it.free_vectors);
	KUNIT_EXPECT_NULL(test, irq_get_irq_data(it.irq));
	KUNIT_EXPECT_NULL(test, window->child);
}

static void functions_behind_ports_work(struct kunit *test)
{
	struct pci_dev *pdev, *port;
	u16 base, status;

	add_port(test);
	port = pci_soft_dev(it.port);
	KUNIT_EXPECT_EQ(test, pci_pcie_type(port), PCI_EXP_TYPE_ROOT_PORT);
	KUNIT_EXPECT_TRUE(test, port->link_active_reporting);
	plug_in(test, &desc);
	expect_bound(test);
	pdev = pci_soft_dev(it.func);
	KUNIT_EXPECT_EQ(test, pci_pcie_type(pdev), PCI_EXP_TYPE_ENDPOINT);
	KUNIT_EXPECT_TRUE(test, resource_contains(&port->resource[PCI_BRIDGE_MEM_WINDOW],
						  &pdev->resource[1]));
	pcie_capability_read_word(port, PCI_EXP_SLTSTA, &status);
	KUNIT_EXPECT_EQ(test, status, PCI_EXP_SLTSTA_PDS);

	writel(0x1234, it.bar + 8);
	KUNIT_EXPECT_EQ(test, pci_soft_read(it.func, 0, 8), 0x1234);
	if (IS_ENABLED(CONFIG_INDIRECT_IOMEM)) {
		/* Nothing answers outside the window of the port. */
		pci_read_config_word(port, PCI_MEMORY_BASE, &base);
		pci_write_config_word(port, PCI_MEMORY_BASE, 0xfff0);
		KUNIT_EXPECT_EQ(test, readl(it.bar + 8), ~0);
		pci_write_config_word(port, PCI_MEMORY_BASE, base);
		KUNIT_EXPECT_EQ(test, readl(it.bar + 8), 0x1234);
	}
	KUNIT_EXPECT_PTR_EQ(test, pci_soft_add_behind(it.port, &desc), ERR_PTR(-EBUSY));
	KUNIT_EXPECT_PTR_EQ(test, pci_soft_add_behind(it.func, &desc), ERR_PTR(-EINVAL));

	/* No message passes a port that is not a bus master. */
	pci_clear_master(port);
	pci_soft_raise(it.func, 3);
	pci_soft_flush();
	KUNIT_EXPECT_EQ(test, it.interrupts, 1);
	pci_set_master(port);

	/* Removed without haste, the device is not disconnected. */
	pci_soft_remove(it.func);
	it.func = NULL;
	KUNIT_EXPECT_EQ(test, it.removed, 1);
	KUNIT_EXPECT_FALSE(test, it.disconnected);
	KUNIT_EXPECT_EQ(test, it.vendor, VENDOR);
	expect_nothing(test);
}

/* A function without an address for I/O, and without a reset of its own. */
static void functions_are_reset_with_their_bus(struct kunit *test)
{
	static const struct pci_soft_desc conventional = {
		.vendor = VENDOR, .device = DEVICE + 1, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { 16, PCI_BASE_ADDRESS_SPACE_IO }, { SZ_4K } },
	};
	struct pci_dev *pdev, *port;
	u8 value;

	add_port(test);
	port = pci_soft_dev(it.port);
	plug_in(test, &conventional);
	pdev = pci_soft_dev(it.func);
	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_EXPECT_NULL(test, pdev->resource[0].parent);
	KUNIT_EXPECT_PTR_EQ(test, pdev->resource[1].parent,
			    &port->resource[PCI_BRIDGE_MEM_WINDOW]);
	pci_write_config_byte(pdev, PCI_CACHE_LINE_SIZE, 0x10);
	pci_dev_lock(port);
	KUNIT_EXPECT_EQ(test, pci_bridge_secondary_bus_reset(port), 0);
	pci_dev_unlock(port);
	pci_read_config_byte(pdev, PCI_CACHE_LINE_SIZE, &value);
	KUNIT_EXPECT_EQ(test, value, 0);
}

static void surprise_removal_detaches_driver(struct kunit *test)
{
	u16 link;
	int i;

	add_port(test);
	/* What is plugged in later is a new function. */
	for (i = 1; i <= 2; i++) {
		plug_in(test, &desc);
		KUNIT_EXPECT_EQ(test, it.probed, i);
		expect_bound(test);

		it.disconnected = false;
		pci_soft_unplug(it.func);
		pcie_capability_read_word(pci_soft_dev(it.port), PCI_EXP_LNKSTA, &link);
		KUNIT_EXPECT_FALSE(test, link & PCI_EXP_LNKSTA_DLLLA);
		pci_soft_settle(it.port);
		KUNIT_EXPECT_EQ(test, it.removed, i);
		KUNIT_EXPECT_TRUE(test, it.disconnected);
		KUNIT_EXPECT_EQ(test, it.vendor, 0xffff);
		expect_nothing(test);
		pci_soft_remove(it.func);
		it.func = NULL;
		KUNIT_EXPECT_EQ(test, it.removed, i);
	}
}

static void surprise_removal_during_probe(struct kunit *test)
{
	static const int results[] = { 0, -EIO };
	int i;

	add_port(test);
	it.pulls_out = true;
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		it.probe_returns = results[i];
		plug_in(test, &desc);
		KUNIT_EXPECT_EQ(test, it.probed, i + 1);
		/* If probe() succeeds nevertheless, the driver is detached. */
		KUNIT_EXPECT_EQ(test, it.removed, 1);
		KUNIT_EXPECT_TRUE(test, it.disconnected);
		expect_nothing(test);
		pci_soft_remove(it.func);
		it.func = NULL;
	}
	it.pulls_out = false;
	it.probe_returns = 0;
	plug_in(test, &desc);
	expect_bound(test);
}

static void port_leaves_with_bound_device(struct kunit *test)
{
	struct pci_dev *port;
	int domain, number, i;

	for (i = 1; i <= 2; i++) {
		add_port(test);
		plug_in(test, &desc);
		expect_bound(test);
		it.disconnected = true;
		port = pci_soft_dev(it.port);
		domain = pci_domain_nr(port->bus);
		number = port->bus->number;

		/* The second time the port is pulled out before, with what is behind it. */
		if (i == 2)
			pci_soft_unplug(it.port);
		/* The bus goes with its last function. */
		pci_soft_remove(it.port);
		it.port = NULL;
		it.func = NULL;
		KUNIT_EXPECT_EQ(test, it.removed, i);
		KUNIT_EXPECT_FALSE(test, it.disconnected);
		KUNIT_EXPECT_EQ(test, it.vendor, i == 2 ? 0xffff : VENDOR);
		KUNIT_EXPECT_NULL(test, irq_get_irq_data(it.irq));
		KUNIT_EXPECT_NULL(test, pci_find_bus(domain, number));
		KUNIT_EXPECT_NULL(test, pci_find_bus(domain, number + 1));
	}
}

static void ports_run_out(struct kunit *test)
{
	struct pci_soft_func *ports[32];
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[n] = pci_soft_add_port();
		if (IS_ERR(ports[n]))
			break;
		n++;
	}
	KUNIT_EXPECT_GT(test, n, 1);
	KUNIT_EXPECT_LT(test, n, ARRAY_SIZE(ports));
	if (n < ARRAY_SIZE(ports))
		KUNIT_EXPECT_PTR_EQ(test, ports[n], ERR_PTR(-ENOSPC));
	while (n--)
		pci_soft_remove(ports[n]);
}

static int enter(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_HOTPLUG_PCI_PCIE))
		kunit_skip(test, "there is no hot-plug driver");
	/* It takes its reset lock and the lock of rescanning in either order. */
	if (IS_ENABLED(CONFIG_PROVE_LOCKING))
		kunit_skip(test, "lockdep reports pciehp itself, and looks no further then");
	memset(&it, 0, sizeof(it));
	return 0;
}

static void leave(struct kunit *test)
{
	if (it.port)
		pci_soft_remove(it.port);
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
	KUNIT_CASE(functions_behind_ports_work),
	KUNIT_CASE(functions_are_reset_with_their_bus),
	KUNIT_CASE(surprise_removal_detaches_driver),
	KUNIT_CASE(surprise_removal_during_probe),
	KUNIT_CASE(port_leaves_with_bound_device),
	KUNIT_CASE(ports_run_out),
	{}
};

static struct kunit_suite suite = {
	.name = "pci_soft_ports",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.init = enter,
	.exit = leave,
	.test_cases = cases,
};
kunit_test_suite(suite);
