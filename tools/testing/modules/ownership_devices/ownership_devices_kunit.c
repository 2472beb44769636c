// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership, as C drivers see it, on devices with several MSI-X
 * vectors: QEMU's "nvme" and "virtio-rng-pci".
 *
 * As in drivers/pci/msi/ownership_kunit_device.c, a case acts as the driver of the device. Each case
 * runs with explicit and with managed vectors. "nvme" interrupts when it has completed an
 * administrative command.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>

struct hardware {
	const char *name;
	unsigned int vendor, device;
};

static const struct hardware hardware[] = {
	{ "nvme", PCI_VENDOR_ID_REDHAT, 0x0010 },
	{ "virtio-rng", PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1044 },
};

static void hardware_name(const struct hardware *hw, char *desc)
{
	strscpy(desc, hw->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(hardware, hardware, hardware_name);

/* The two owners and their calls. */
static const struct owner {
	const char *name;
	int (*alloc)(struct pci_dev *pdev, unsigned int min, unsigned int max, unsigned int flags,
		     struct irq_affinity *affd);
	void (*free)(struct pci_dev *pdev);
} owners[] = {
	{ "driver", pci_alloc_irq_vectors_affinity, pci_free_irq_vectors },
	{ "device", pcim_alloc_irq_vectors_affinity, pcim_free_irq_vectors },
};

#define for_each_owner(owner)	\
	for ((owner) = owners; (owner) < owners + ARRAY_SIZE(owners); (owner)++)

static struct pci_dev *ours;

/* The probe function of a case, or NULL. */
static int (*probe_of_case)(struct pci_dev *pdev);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	if (pdev != ours)
		return -ENODEV;
	return probe_of_case ? probe_of_case(pdev) : 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT, 0x0010) },
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1044) },
	{ }
};

static struct pci_driver driver = {
	.name = "ownership_devices_kunit",
	.id_table = ids,
	.probe = probe,
};

static void attach(struct kunit *test)
{
	ours = test->priv;
	KUNIT_ASSERT_EQ(test, device_attach(&ours->dev), 1);
}

/*
 * Detaches the driver, and checks that nothing is left and the next driver can allocate all vectors.
 */
static void detach(struct kunit *test)
{
	int n = pci_msix_vec_count(ours);

	device_release_driver(&ours->dev);
	KUNIT_EXPECT_FALSE(test, ours->msix_enabled);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&ours->dev.devres_head), 0);
	KUNIT_EXPECT_PTR_EQ(test, ours->dev.msi.data, NULL);

	KUNIT_ASSERT_EQ(test, device_attach(&ours->dev), 1);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(ours, n, n, PCI_IRQ_MSIX), n);
	device_release_driver(&ours->dev);
	KUNIT_EXPECT_FALSE(test, ours->msix_enabled);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Plain ones and threaded ones. */
static int request(struct pci_dev *pdev, int index, int irq)
{
	if (index % 2)
		return request_threaded_irq(irq, NULL, handler, IRQF_ONESHOT, "thread", pdev);
	return request_irq(irq, handler, 0, "plain", pdev);
}

static void request_all(struct kunit *test, struct pci_dev *pdev, int n)
{
	int i;

	for (i = 0; i < n; i++)
		KUNIT_ASSERT_EQ(test, request(pdev, i, pci_irq_vector(pdev, i)), 0);
}

/* A handler on any vector keeps all of them. They can be freed when the last handler is gone. */
static void one_handler_keeps_all_vectors(struct kunit *test)
{
	const struct owner *owner;
	int i, n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		KUNIT_ASSERT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), n);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(ours, n), -EINVAL);
		request_all(test, ours, n);
		for (i = 0; i < n; i++) {
			owner->free(ours);
			KUNIT_EXPECT_TRUE_MSG(test, ours->msix_enabled, "%s", owner->name);
			KUNIT_EXPECT_GT(test, pci_irq_vector(ours, i), 0);
			free_irq(pci_irq_vector(ours, i), ours);
		}
		owner->free(ours);
		KUNIT_EXPECT_FALSE_MSG(test, ours->msix_enabled, "%s", owner->name);
		detach(test);
	}
}

static void leaked_handlers_on_every_vector(struct kunit *test)
{
	const struct owner *owner;
	int n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		KUNIT_ASSERT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), n);
		request_all(test, ours, n);
		detach(test);
	}
}

/* The core manages the affinity of such vectors, and their handlers start and stop with it. */
static void leaked_handlers_on_spread_vectors(struct kunit *test)
{
	const struct owner *owner;
	int n;

	for_each_owner(owner) {
		/* An allocation writes to the structure. */
		struct irq_affinity spread = { .pre_vectors = 1 };

		attach(test);
		/* There is at most one for each CPU, and the one that is not spread. */
		n = owner->alloc(ours, 2, pci_msix_vec_count(ours),
				 PCI_IRQ_MSIX | PCI_IRQ_AFFINITY, &spread);
		KUNIT_ASSERT_GE(test, n, 2);
		KUNIT_EXPECT_LE(test, n, 1 + num_possible_cpus());
		KUNIT_EXPECT_NOT_NULL(test, pci_irq_get_affinity(ours, n - 1));
		request_all(test, ours, n);
		detach(test);
	}
}

static void added_vectors_are_contained(struct kunit *test)
{
	const struct owner *owner;
	struct msi_map map;
	int i, n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		KUNIT_ASSERT_EQ(test, owner->alloc(ours, 1, 1, PCI_IRQ_MSIX, NULL), 1);
		for (i = 1; i < n; i++) {
			map = pci_msix_alloc_irq_at(ours, MSI_ANY_INDEX, NULL);
			KUNIT_ASSERT_EQ(test, map.index, i);
			KUNIT_ASSERT_EQ(test, request(ours, i, map.virq), 0);
		}
		map = pci_msix_alloc_irq_at(ours, MSI_ANY_INDEX, NULL);
		KUNIT_EXPECT_EQ(test, map.index, -EBUSY);
		map = pci_msix_alloc_irq_at(ours, n, NULL);
		KUNIT_EXPECT_EQ(test, map.index, -ERANGE);
		detach(test);
	}
}

/* Releasing a group that contains the node frees the vectors, whoever owns them. */
static void group_takes_vectors_along(struct kunit *test)
{
	const struct owner *owner;
	void *group;
	int n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		group = devres_open_group(&ours->dev, NULL, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, group);
		KUNIT_ASSERT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), n);
		request_all(test, ours, n);
		devres_release_group(&ours->dev, group);
		KUNIT_EXPECT_FALSE_MSG(test, ours->msix_enabled, "%s", owner->name);

		/* The driver is still bound, and can allocate vectors again. */
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), n);
		owner->free(ours);
		KUNIT_EXPECT_FALSE_MSG(test, ours->msix_enabled, "%s", owner->name);
		detach(test);
	}
}

static void free_action(void *owner)
{
	((const struct owner *)owner)->free(ours);
}

/*
 * A devm action that frees was registered too early: it runs when the vectors and their MSI data are
 * gone. Another one frees for the other owner.
 */
static void early_action_finds_nothing(struct kunit *test)
{
	const struct owner *owner, *other;
	int n;

	for_each_owner(owner) {
		for_each_owner(other) {
			attach(test);
			n = pci_msix_vec_count(ours);
			KUNIT_ASSERT_EQ(test, devm_add_action(&ours->dev, free_action,
							      (void *)other), 0);
			KUNIT_ASSERT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), n);
			request_all(test, ours, n);
			detach(test);
		}
	}
}

static struct {
	const struct owner *owner;
	int steps;
} failing;

/* A probe function that fails after so many steps, and cleans up nothing. */
static int probe_and_fail(struct pci_dev *pdev)
{
	int n = pci_msix_vec_count(pdev), steps = failing.steps, i, ret;

	if (!steps--)
		return -EIO;
	ret = pcim_enable_device(pdev);
	if (ret || !steps--)
		return -EIO;
	ret = devm_add_action(&pdev->dev, free_action, (void *)failing.owner);
	if (ret || !steps--)
		return -EIO;
	ret = failing.owner->alloc(pdev, n - 1, n - 1, PCI_IRQ_MSIX, NULL);
	for (i = 0; i < n - 1; i++) {
		if (ret < 0 || !steps--)
			return -EIO;
		ret = request(pdev, i, pci_irq_vector(pdev, i));
	}
	if (ret < 0 || !steps--)
		return -EIO;
	ret = pci_msix_alloc_irq_at(pdev, MSI_ANY_INDEX, NULL).index;
	if (ret < 0 || !steps--)
		return -EIO;
	devm_add_action(&pdev->dev, free_action, (void *)failing.owner);
	return -EPROTO;
}

static void probe_fails_at_every_point(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	/* There is a step for each vector but one, and then the last step. */
	int last = pci_msix_vec_count(pdev) - 1 + 5;

	for_each_owner(failing.owner) {
		for (failing.steps = 0; failing.steps <= last; failing.steps++) {
			ours = pdev;
			probe_of_case = probe_and_fail;
			KUNIT_EXPECT_EQ(test, device_attach(&pdev->dev), 0);
			probe_of_case = NULL;
			KUNIT_EXPECT_FALSE_MSG(test, pdev->msix_enabled, "step %d", failing.steps);
			KUNIT_EXPECT_EQ(test, list_count_nodes(&pdev->dev.devres_head), 0);
			KUNIT_EXPECT_PTR_EQ(test, pdev->dev.msi.data, NULL);
		}
		attach(test);
		detach(test);
	}
}

/* A device that is gone has no vectors, for either owner. */
static void removed_device_has_none(struct kunit *test)
{
	const struct owner *owner;
	int n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		ours->error_state = pci_channel_io_perm_failure;
		KUNIT_EXPECT_LT(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, NULL), 0);
		KUNIT_EXPECT_FALSE_MSG(test, ours->msix_enabled, "%s", owner->name);
		owner->free(ours);
		ours->error_state = pci_channel_io_normal;
		detach(test);
	}
}

/* Each CPU has some two hundred vectors. Leaks in all these rounds would use up all of them. */
static void no_cpu_vector_is_lost(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;
	int n = pci_msix_vec_count(pdev);
	int i, ret = n, rounds = 1000 / n;

	for (i = 0; i < rounds && ret == n; i++) {
		attach(test);
		ret = pci_alloc_irq_vectors(pdev, n, n, PCI_IRQ_MSIX);
		if (ret == n)
			request(pdev, 0, pci_irq_vector(pdev, n - 1));
		device_release_driver(&pdev->dev);
	}
	KUNIT_EXPECT_EQ(test, i, rounds);
	KUNIT_EXPECT_EQ(test, ret, n);
	attach(test);
	detach(test);
}

static void bad_input(struct kunit *test)
{
	struct irq_affinity spread = { .pre_vectors = 1 };
	const struct owner *owner;
	unsigned int n;

	for_each_owner(owner) {
		attach(test);
		n = pci_msix_vec_count(ours);
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, n + 1, n + 1, PCI_IRQ_MSIX, NULL), -ENOSPC);
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, 2, 1, PCI_IRQ_MSIX, NULL), -ERANGE);
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, 0, 0, PCI_IRQ_MSIX, NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, 1, 1, PCI_IRQ_MSI, NULL), -EINVAL);
		KUNIT_EXPECT_EQ(test, owner->alloc(ours, 1, n + 1, PCI_IRQ_MSIX, NULL), n);
		owner->free(ours);

		/* An affinity without its flag causes a warning, and is ignored. */
		kunit_warning_suppress(test) {
			KUNIT_EXPECT_EQ(test, owner->alloc(ours, n, n, PCI_IRQ_MSIX, &spread), n);
			KUNIT_EXPECT_SUPPRESSED_WARNING_COUNT(test, 1);
		}
		KUNIT_EXPECT_EQ(test, spread.nr_sets, 0);
		owner->free(ours);
		KUNIT_EXPECT_FALSE(test, ours->msix_enabled);
		detach(test);
	}
}

/* nvme: NVM Express Base Specification, section 3.1, Controller Properties. */
#define CC		0x14
#define CC_ENABLED	(1 | 6 << 16 | 4 << 20)
#define CSTS		0x1c
#define AQA		0x24
#define ASQ		0x28
#define ACQ		0x30
#define SQ_TAIL		0x1000
#define CQ_HEAD		0x1004
#define ENTRIES		64

static struct {
	void __iomem *bar;
	void *queues;
	dma_addr_t address;
	unsigned int tail;
	atomic_t seen;
} nvme;

static irqreturn_t nvme_handler(int irq, void *data)
{
	atomic_inc(&nvme.seen);
	return IRQ_HANDLED;
}

/* Starts the controller with queues for administrative commands. MSI-X must be enabled. */
static void start(struct kunit *test)
{
	int tries = 1000;

	nvme.bar = pci_iomap(ours, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, nvme.bar);
	nvme.queues = dma_alloc_coherent(&ours->dev, 2 * PAGE_SIZE, &nvme.address, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, nvme.queues);
	nvme.tail = 0;
	/* The firmware may have started it to look for a disk. */
	writel(0, nvme.bar + CC);
	writel((ENTRIES - 1) << 16 | (ENTRIES - 1), nvme.bar + AQA);
	writeq(nvme.address, nvme.bar + ASQ);
	writeq(nvme.address + PAGE_SIZE, nvme.bar + ACQ);
	writel(CC_ENABLED, nvme.bar + CC);
	while (!(readl(nvme.bar + CSTS) & 1) && --tries)
		usleep_range(1000, 2000);
	KUNIT_ASSERT_NE(test, tries, 0);
}

static void stop(void)
{
	writel(0, nvme.bar + CC);
	dma_free_coherent(&ours->dev, 2 * PAGE_SIZE, nvme.queues, nvme.address);
	pci_iounmap(ours, nvme.bar);
}

/* Submits a command, an invalid one, whose completion interrupts. */
static void submit(void)
{
	nvme.tail = (nvme.tail + 1) % ENTRIES;
	writel(nvme.tail, nvme.bar + SQ_TAIL);
}

/* Returns whether a command interrupts within @tries polls. */
static bool interrupts(int tries)
{
	int before = atomic_read(&nvme.seen);

	submit();
	while (atomic_read(&nvme.seen) == before && --tries)
		usleep_range(100, 200);
	writel(nvme.tail, nvme.bar + CQ_HEAD);
	return tries;
}

/* Interrupts arrive while handlers and vectors are there, and not after a refused free. */
static void interrupts_arrive(struct kunit *test)
{
	const struct owner *owner;
	int i, irq;

	for_each_owner(owner) {
		for (i = 0; i < 20; i++) {
			attach(test);
			KUNIT_ASSERT_EQ(test, pci_enable_device(ours), 0);
			pci_set_master(ours);
			KUNIT_ASSERT_EQ(test, owner->alloc(ours, 4, 4, PCI_IRQ_MSIX, NULL), 4);
			irq = pci_irq_vector(ours, 0);
			KUNIT_ASSERT_EQ(test, request_irq(irq, nvme_handler, 0, "nvme", ours), 0);
			start(test);
			KUNIT_EXPECT_TRUE(test, interrupts(1000));
			owner->free(ours);
			KUNIT_EXPECT_FALSE_MSG(test, interrupts(20), "after a refused free");
			submit();
			if (i % 2) {
				free_irq(irq, ours);
				owner->free(ours);
			}
			/* What is left is contained, while the controller is still running. */
			detach(test);
			stop();
			pci_disable_device(ours);
		}
	}
}

static int devices_init(struct kunit *test)
{
	const struct hardware *hw = test->param_value ?: &hardware[0];
	struct pci_dev *pdev = pci_get_device(hw->vendor, hw->device, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no %s: run QEMU with -device nvme,... -device virtio-rng-pci,disable-legacy=on",
				  hw->name);
	test->priv = pdev;
	KUNIT_ASSERT_NULL_MSG(test, pdev->dev.driver, "somebody else's driver is bound");
	return 0;
}

static void devices_exit(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	/* A case that was cut short leaves the device bound. */
	if (pdev && pdev->driver == &driver)
		device_release_driver(&pdev->dev);
	ours = NULL;
	probe_of_case = NULL;
	pci_dev_put(pdev);
}

static int devices_suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void devices_suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_case devices_cases[] = {
	KUNIT_CASE_PARAM(one_handler_keeps_all_vectors, hardware_gen_params),
	KUNIT_CASE_PARAM(leaked_handlers_on_every_vector, hardware_gen_params),
	KUNIT_CASE_PARAM(leaked_handlers_on_spread_vectors, hardware_gen_params),
	KUNIT_CASE_PARAM(added_vectors_are_contained, hardware_gen_params),
	KUNIT_CASE_PARAM(group_takes_vectors_along, hardware_gen_params),
	KUNIT_CASE_PARAM(early_action_finds_nothing, hardware_gen_params),
	KUNIT_CASE_PARAM(probe_fails_at_every_point, hardware_gen_params),
	KUNIT_CASE_PARAM(removed_device_has_none, hardware_gen_params),
	KUNIT_CASE_PARAM(no_cpu_vector_is_lost, hardware_gen_params),
	KUNIT_CASE_PARAM(bad_input, hardware_gen_params),
	KUNIT_CASE(interrupts_arrive),
	{}
};

static struct kunit_suite devices_suite = {
	.name = "pci_irq_vectors_of_devices",
	.suite_init = devices_suite_init,
	.suite_exit = devices_suite_exit,
	.init = devices_init,
	.exit = devices_exit,
	.test_cases = devices_cases,
};
kunit_test_suite(devices_suite);

MODULE_DESCRIPTION("KUnit test of PCI interrupt-vector ownership, on nvme and virtio-rng");
MODULE_LICENSE("GPL");
