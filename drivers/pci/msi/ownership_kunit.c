// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership, as C drivers see it.
 *
 * Every case runs on real (emulated) hardware, once with MSI and once with
 * MSI-X: QEMU's "edu" has one MSI vector, "e1000e" has five MSI-X vectors.
 * The case is the driver of the device: it binds, makes the calls that
 * drivers make, detaches, and looks at what is left.
 */

#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>

struct hardware {
	const char *name;
	unsigned int vendor, device;
	unsigned int type;
};

static const struct hardware hardware[] = {
	{ "MSI on edu", 0x1234, 0x11e8, PCI_IRQ_MSI },
	{ "MSI-X on e1000e", PCI_VENDOR_ID_INTEL, 0x10d3, PCI_IRQ_MSIX },
};

static void hardware_name(const struct hardware *hw, char *desc)
{
	strscpy(desc, hw->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(hardware, hardware, hardware_name);

/* edu alone, which interrupts when it is told to. */
static const struct hardware edu[] = {
	{ "MSI on edu", 0x1234, 0x11e8, PCI_IRQ_MSI },
};
KUNIT_ARRAY_PARAM(edu, edu, hardware_name);

/* What a case has its driver do in probe; no driver binds otherwise. */
static int (*probe_of_case)(struct pci_dev *pdev);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return probe_of_case ? probe_of_case(pdev) : -ENODEV;
}

static void remove(struct pci_dev *pdev)
{
	/* What is left is left to devres. */
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10d3) },
	{ }
};

static struct pci_driver driver = {
	.name = "pci_ownership_kunit",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

/* The allocation calls; the first EXPLICIT ones leave the vectors to the driver. */
#define EXPLICIT 5
static const char * const alloc_name[] = {
	"pci_alloc_irq_vectors", "pci_alloc_irq_vectors_affinity",
	"pci_enable_msi", "pci_enable_msix_range", "pci_enable_msix_exact",
	"pcim_alloc_irq_vectors", "pcim_alloc_irq_vectors_affinity",
};

/* Makes call number @how; 0 is one that does not fit the type. */
static int alloc(struct pci_dev *pdev, unsigned int how, unsigned int type)
{
	struct msix_entry entry = { .entry = 0 };
	int ret;

	switch (how) {
	case 0:
		return pci_alloc_irq_vectors(pdev, 1, 1, type);
	case 1:
		return pci_alloc_irq_vectors_affinity(pdev, 1, 1, type, NULL);
	case 2:
		if (type != PCI_IRQ_MSI)
			return 0;
		ret = pci_enable_msi(pdev);
		return ret ?: 1;
	case 3:
		if (type != PCI_IRQ_MSIX)
			return 0;
		return pci_enable_msix_range(pdev, &entry, 1, 1);
	case 4:
		if (type != PCI_IRQ_MSIX)
			return 0;
		ret = pci_enable_msix_exact(pdev, &entry, 1);
		return ret ?: 1;
	case 5:
		return pcim_alloc_irq_vectors(pdev, 1, 1, type);
	default:
		return pcim_alloc_irq_vectors_affinity(pdev, 1, 1, type, NULL);
	}
}

static bool live(struct pci_dev *pdev)
{
	return pdev->msi_enabled || pdev->msix_enabled;
}

static size_t devres_entries(struct pci_dev *pdev)
{
	return list_count_nodes(&pdev->dev.devres_head);
}

/* Cases without a parameter are about MSI-X. */
static const struct hardware *hardware_of(struct kunit *test)
{
	return test->param_value ?: &hardware[1];
}

/* The device of the case. */
static struct pci_dev *dev_of(struct kunit *test)
{
	return test->priv;
}

static unsigned int type_of(struct kunit *test)
{
	return hardware_of(test)->type;
}

static int probe_nothing(struct pci_dev *pdev)
{
	return 0;
}

static int probe_enable(struct pci_dev *pdev)
{
	return pcim_enable_device(pdev);
}

static void bind_with(struct kunit *test, int (*probe)(struct pci_dev *pdev))
{
	struct pci_dev *pdev = dev_of(test);

	probe_of_case = probe;
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
}

/* Detaches and checks that nothing is left. */
static void detach(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	device_release_driver(&pdev->dev);
	probe_of_case = NULL;
	KUNIT_EXPECT_FALSE(test, live(pdev));
	KUNIT_EXPECT_EQ(test, devres_entries(pdev), 0);
	KUNIT_EXPECT_PTR_EQ(test, pdev->dev.msi.data, NULL);
}

/* A next driver allocates and frees as if nothing had been. */
static void next_driver_works(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_with(test, probe_enable);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, type_of(test)), 1);
	KUNIT_EXPECT_GT(test, pci_irq_vector(pdev, 0), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	detach(test);
}

/* no vectors: every allocation succeeds, every free does nothing. */
static void no_vectors(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;

	bind_with(test, probe_enable);
	for (how = 0; how < ARRAY_SIZE(alloc_name); how++) {
		int ret = alloc(pdev, how, type_of(test));

		if (!ret)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, ret, 1, "%s", alloc_name[how]);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		if (how < EXPLICIT)
			pci_free_irq_vectors(pdev);
		else
			pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_FALSE_MSG(test, live(pdev), "%s", alloc_name[how]);

		pci_free_irq_vectors(pdev);
		pci_disable_msi(pdev);
		pci_disable_msix(pdev);
		pcim_free_irq_vectors(pdev);
	}
	detach(test);
}

/* Checks that with vectors live nothing can be allocated, INTx neither. */
static void expect_busy(struct kunit *test, int ret, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(test, ret, -EBUSY, "%s", what);
	KUNIT_EXPECT_TRUE(test, live(dev_of(test)));
}

static void second_allocation_is_busy(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msix_entry entry = { .entry = 0 };
	unsigned int first, how;

	for (first = 0; first < ARRAY_SIZE(alloc_name); first++) {
		bind_with(test, probe_enable);
		if (alloc(pdev, first, type_of(test)) == 1) {
			for (how = 0; how < 2; how++) {
				expect_busy(test, alloc(pdev, how, PCI_IRQ_MSI), alloc_name[how]);
				expect_busy(test, alloc(pdev, how, PCI_IRQ_MSIX), alloc_name[how]);
				expect_busy(test, alloc(pdev, how, PCI_IRQ_INTX), alloc_name[how]);
				expect_busy(test, alloc(pdev, how, PCI_IRQ_ALL_TYPES),
					    alloc_name[how]);
			}
			expect_busy(test, pci_enable_msi(pdev), "pci_enable_msi");
			expect_busy(test, pci_enable_msix_range(pdev, &entry, 1, 1),
				    "pci_enable_msix_range");
			expect_busy(test, pci_enable_msix_exact(pdev, &entry, 1),
				    "pci_enable_msix_exact");
			for (how = EXPLICIT; how < ARRAY_SIZE(alloc_name); how++)
				expect_busy(test, alloc(pdev, how, PCI_IRQ_ALL_TYPES),
					    alloc_name[how]);
		}
		/* Whose they are has not changed. */
		if (first < EXPLICIT)
			pci_free_irq_vectors(pdev);
		KUNIT_EXPECT_EQ(test, live(pdev), first >= EXPLICIT);
		detach(test);
	}
}

static void explicit_vectors_driver_frees(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;

	bind_with(test, probe_enable);
	for (how = 0; how < EXPLICIT; how++) {
		if (alloc(pdev, how, type_of(test)) != 1)
			continue;
		pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, live(pdev), "pcim_free freed %s", alloc_name[how]);
		if (type_of(test) == PCI_IRQ_MSI)
			pci_disable_msi(pdev);
		else
			pci_disable_msix(pdev);
		KUNIT_EXPECT_FALSE_MSG(test, live(pdev), "%s", alloc_name[how]);
	}
	detach(test);
}

static void managed_vectors_refuse_explicit_free(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;

	bind_with(test, probe_enable);
	for (how = EXPLICIT; how < ARRAY_SIZE(alloc_name); how++) {
		KUNIT_ASSERT_EQ(test, alloc(pdev, how, type_of(test)), 1);
		pci_free_irq_vectors(pdev);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		pci_disable_msi(pdev);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		pci_disable_msix(pdev);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		KUNIT_EXPECT_GT(test, pci_irq_vector(pdev, 0), 0);
		pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_FALSE(test, live(pdev));
	}
	detach(test);
}

static void disable_of_other_type_does_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;

	bind_with(test, probe_enable);
	for (how = 0; how < ARRAY_SIZE(alloc_name); how += EXPLICIT) {
		KUNIT_ASSERT_EQ(test, alloc(pdev, how, type_of(test)), 1);
		if (type_of(test) == PCI_IRQ_MSI)
			pci_disable_msix(pdev);
		else
			pci_disable_msi(pdev);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		if (how < EXPLICIT)
			pci_free_irq_vectors(pdev);
		else
			pcim_free_irq_vectors(pdev);
	}
	detach(test);
}

static void detach_frees_managed(struct kunit *test)
{
	unsigned int how;

	for (how = EXPLICIT; how < ARRAY_SIZE(alloc_name); how++) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, alloc(dev_of(test), how, type_of(test)), 1);
		detach(test);
	}
	next_driver_works(test);
}

static void detach_frees_leaked_explicit(struct kunit *test)
{
	unsigned int how;

	for (how = 0; how < EXPLICIT; how++) {
		bind_with(test, probe_enable);
		if (alloc(dev_of(test), how, type_of(test)))
			KUNIT_EXPECT_TRUE_MSG(test, live(dev_of(test)), "%s", alloc_name[how]);
		detach(test);
		next_driver_works(test);
	}
}

static int probe_managed_then_fail(struct pci_dev *pdev)
{
	int ret = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_MSIX);

	return ret < 0 ? ret : -EIO;
}

static void failed_probe_frees_managed(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	probe_of_case = probe_managed_then_fail;
	KUNIT_EXPECT_EQ(test, device_attach(&pdev->dev), 0);
	probe_of_case = NULL;
	KUNIT_EXPECT_FALSE(test, live(pdev));
	KUNIT_EXPECT_EQ(test, devres_entries(pdev), 0);
	next_driver_works(test);
}

/* Enabling the device, before or after or never, decides nothing. */
static void enable_order_changes_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_TRUE(test, live(pdev));
	detach(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	detach(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 0, type_of(test)), 1);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	detach(test);
}

static void failed_allocation_leaves_no_owner(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);

	bind_with(test, probe_enable);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 64, 64, type), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 2, 1, type), -ERANGE);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, type), 1);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	detach(test);
}

/* What the calls answer to arguments that make no sense; managed calls answer the same. */
static void bad_input(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);
	const struct {
		const char *what;
		unsigned int min, max, flags;
		int ret;
	} table[] = {
		{ "min and max are 0",		0, 0,		type,			-EINVAL },
		{ "max below min",		2, 1,		type,			-ERANGE },
		{ "min above the hardware",	64, 64,		type,			-ENOSPC },
		{ "no type",			1, 1,		0,			-ENOSPC },
		{ "unknown flag",		1, 1,		BIT(30),		-ENOSPC },
		{ "INTx, two of it",		2, 2,		PCI_IRQ_INTX,		-ENOSPC },
		{ "min is the largest number",	UINT_MAX, UINT_MAX, type,		-EINVAL },
	};
	unsigned int i;
	int ret;

	bind_with(test, probe_enable);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		KUNIT_EXPECT_EQ_MSG(test, pci_alloc_irq_vectors(pdev, table[i].min, table[i].max,
								table[i].flags),
				    table[i].ret, "%s", table[i].what);
		KUNIT_EXPECT_EQ_MSG(test, pcim_alloc_irq_vectors(pdev, table[i].min, table[i].max,
								 table[i].flags),
				    table[i].ret, "managed, %s", table[i].what);
		KUNIT_EXPECT_FALSE_MSG(test, live(pdev), "%s", table[i].what);
	}
	/* The MSI core takes a min of 0 amiss, for MSI-X it does not. */
	ret = type == PCI_IRQ_MSI ? -EINVAL : 1;
	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, 0, 1, type), ret);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 0, 1, type), ret);
	pcim_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, live(pdev));

	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(NULL, 1, 1, type), -EINVAL);
	pcim_free_irq_vectors(NULL);

	/* No vector has that index, before an allocation and after. */
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 1), -EINVAL);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type), 1);
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 1), -EINVAL);
	detach(test);
}

/* What the calls answer when the device, or this machine, cannot have vectors now. */
static void bad_state(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);
	unsigned int how;

	/* Not enabled: vectors do not depend on it. */
	bind_with(test, probe_nothing);
	for (how = 0; how < ARRAY_SIZE(alloc_name); how += EXPLICIT) {
		KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
		KUNIT_EXPECT_EQ(test, alloc(pdev, how, type), 1);
		if (how < EXPLICIT)
			pci_free_irq_vectors(pdev);
		else
			pcim_free_irq_vectors(pdev);
	}

	/* MSI switched off for this device, as quirks do. */
	pdev->no_msi = 1;
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 5, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 5, PCI_IRQ_ALL_TYPES), 1);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	pdev->no_msi = 0;

	/* INTx switched off makes no difference: the line is still there to ask for. */
	pci_intx(pdev, 0);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 5, PCI_IRQ_INTX), 1);

	/* Asleep. */
	if (!pci_set_power_state(pdev, PCI_D3hot)) {
		KUNIT_EXPECT_EQ(test, alloc(pdev, 0, type), -EINVAL);
		KUNIT_EXPECT_EQ(test, alloc(pdev, 5, type), -EINVAL);
		pci_set_power_state(pdev, PCI_D0);
	}
	KUNIT_EXPECT_FALSE(test, live(pdev));
	detach(test);
}

/* A device without the capability; the host bridge has none, and no driver. */
static void device_without_vectors(struct kunit *test)
{
	struct pci_dev *pdev = pci_get_domain_bus_and_slot(0, 0, 0);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, PCI_IRQ_MSI), -EINVAL);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, PCI_IRQ_MSIX), -EINVAL);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 5, PCI_IRQ_MSI | PCI_IRQ_MSIX), -EINVAL);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&pdev->dev.devres_head), 0);
	pci_dev_put(pdev);
}

static void intx_owns_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	size_t entries;

	bind_with(test, probe_enable);
	entries = devres_entries(pdev);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX), 1);
	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX), 1);
	KUNIT_EXPECT_EQ(test, devres_entries(pdev), entries);
	KUNIT_EXPECT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	detach(test);
}

/* One entry for the owner, however often vectors come and go. */
static void one_devres_entry(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	size_t entries;
	int i;

	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	pcim_free_irq_vectors(pdev);
	/* An MSI domain that is set up once stays; nothing else may be added. */
	entries = devres_entries(pdev);
	for (i = 0; i < 1000; i++) {
		if (alloc(pdev, i % 2 ? 0 : 5, type_of(test)) != 1)
			break;
		if (i % 2)
			pci_free_irq_vectors(pdev);
		else
			pcim_free_irq_vectors(pdev);
	}
	KUNIT_EXPECT_EQ(test, i, 1000);
	KUNIT_EXPECT_EQ(test, devres_entries(pdev), entries);
	detach(test);
}

static struct {
	struct pci_dev *pdev;
	unsigned int type;
	int ret;
	bool was_live, is_live;
} action;

static void alloc_action(void *unused)
{
	action.ret = pci_alloc_irq_vectors(action.pdev, 1, 1, action.type);
}

static void free_action(void *unused)
{
	action.was_live = live(action.pdev);
	pci_free_irq_vectors(action.pdev);
	action.is_live = live(action.pdev);
}

static void prepare_action(struct kunit *test)
{
	memset(&action, 0, sizeof(action));
	action.pdev = dev_of(test);
	action.type = type_of(test);
}

/* Nobody would free what is allocated then. */
static void nothing_is_allocated_during_detach(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	/* Released after the owner of the vectors... */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);

	/* ...before it... */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	pcim_free_irq_vectors(pdev);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);

	/* ...and without one. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);
	next_driver_works(test);
}

/* Drivers free from devm actions, when devres cannot find any entry. */
static void free_while_devres_releases(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 0, type_of(test)), 1);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, action.was_live);
	KUNIT_EXPECT_FALSE(test, action.is_live);

	/* What the device owns it frees itself, later. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, action.was_live);
	KUNIT_EXPECT_TRUE(test, action.is_live);

	/* An action registered before the first allocation finds them gone. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 0, type_of(test)), 1);
	detach(test);
	KUNIT_EXPECT_FALSE(test, action.was_live);
	next_driver_works(test);
}

static void group_release_frees_managed(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;

	bind_with(test, probe_enable);
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	devres_release_group(&pdev->dev, group);
	KUNIT_EXPECT_FALSE(test, live(pdev));
	KUNIT_EXPECT_EQ(test, alloc(pdev, 0, type_of(test)), 1);
	pci_free_irq_vectors(pdev);
	detach(test);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Managed handlers go before managed vectors, whatever the order in the list. */
static void handlers_go_before_vectors(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int irq;

	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 5, type_of(test)), 1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "first", pdev), 0);
	/* Free and allocate anew, as drivers do when they change their mind. */
	devm_free_irq(&pdev->dev, irq, pdev);
	pcim_free_irq_vectors(pdev);
	KUNIT_ASSERT_EQ(test, alloc(pdev, 6, type_of(test)), 1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "second", pdev), 0);
	detach(test);
	next_driver_works(test);
}

/* Nothing is freed under a handler; once it is gone the same call frees. */
static void free_under_handler_is_refused(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;
	int irq;

	bind_with(test, probe_enable);
	for (how = 0; how < ARRAY_SIZE(alloc_name); how++) {
		if (alloc(pdev, how, type_of(test)) != 1)
			continue;
		irq = pci_irq_vector(pdev, 0);
		KUNIT_ASSERT_EQ(test, request_irq(irq, handler, 0, "early", pdev), 0);

		pci_free_irq_vectors(pdev);
		pci_disable_msi(pdev);
		pci_disable_msix(pdev);
		pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, live(pdev), "%s", alloc_name[how]);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 0), irq);

		free_irq(irq, pdev);
		if (how < EXPLICIT)
			pci_free_irq_vectors(pdev);
		else
			pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_FALSE_MSG(test, live(pdev), "%s", alloc_name[how]);
	}
	detach(test);
}

/* A vector that was added to the live ones goes alone, or with them. */
static void added_vector_follows_the_owner(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msi_map map;
	unsigned int how;

	for (how = 0; how < ARRAY_SIZE(alloc_name); how += EXPLICIT) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, alloc(pdev, how, PCI_IRQ_MSIX), 1);
		KUNIT_ASSERT_TRUE(test, pci_msix_can_alloc_dyn(pdev));

		map = pci_msix_alloc_irq_at(pdev, 3, NULL);
		KUNIT_ASSERT_EQ(test, map.index, 3);
		KUNIT_ASSERT_EQ(test, request_irq(map.virq, handler, 0, "added", pdev), 0);
		pci_msix_free_irq(pdev, map);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 3), map.virq);
		free_irq(map.virq, pdev);
		pci_msix_free_irq(pdev, map);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 3), -EINVAL);

		map = pci_msix_alloc_irq_at(pdev, MSI_ANY_INDEX, NULL);
		KUNIT_EXPECT_EQ(test, map.index, 1);
		detach(test);
	}
	next_driver_works(test);
}

static irqreturn_t thread_handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void chained_handler(struct irq_desc *desc)
{
}

static void affinity_notify(struct irq_affinity_notify *notify, const cpumask_t *mask)
{
}

static unsigned int notifiers_released;

static void affinity_release(struct kref *ref)
{
	notifiers_released++;
}

static struct irq_affinity_notify notifier = {
	.notify = affinity_notify,
	.release = affinity_release,
};

static int leak_plain(int irq, struct pci_dev *pdev)
{
	return request_irq(irq, handler, 0, "leaked", pdev);
}

static int leak_threaded(int irq, struct pci_dev *pdev)
{
	return request_threaded_irq(irq, NULL, thread_handler, IRQF_ONESHOT, "leaked", pdev);
}

static int leak_several(int irq, struct pci_dev *pdev)
{
	return request_irq(irq, handler, IRQF_SHARED, "leaked", pdev) ?:
	       request_irq(irq, handler, IRQF_SHARED, "leaked twice", pdev) ?:
	       request_irq(irq, handler, IRQF_SHARED, "leaked too", &pdev->dev);
}

static int leak_chained(int irq, struct pci_dev *pdev)
{
	irq_set_chained_handler_and_data(irq, chained_handler, pdev);
	return 0;
}

static int leak_hint(int irq, struct pci_dev *pdev)
{
	return request_irq(irq, handler, 0, "leaked", pdev) ?:
	       irq_set_affinity_and_hint(irq, cpumask_of(0));
}

static int leak_notifier(int irq, struct pci_dev *pdev)
{
	return request_irq(irq, handler, 0, "leaked", pdev) ?:
	       irq_set_affinity_notifier(irq, &notifier);
}

/* Handlers that nobody frees are released at detach, whoever owns the vectors. */
static void leaked_handlers_are_contained(struct kunit *test)
{
	static int (* const leak[])(int irq, struct pci_dev *pdev) = {
		leak_plain, leak_threaded, leak_several, leak_chained, leak_hint, leak_notifier,
	};
	struct pci_dev *pdev = dev_of(test);
	unsigned int how, i;

	notifiers_released = 0;
	for (i = 0; i < ARRAY_SIZE(leak); i++) {
		/* One call of each owner is enough for all but the first. */
		for (how = 0; how < ARRAY_SIZE(alloc_name); how += i ? EXPLICIT : 1) {
			bind_with(test, probe_enable);
			if (!alloc(pdev, how, type_of(test))) {
				detach(test);
				continue;
			}
			KUNIT_ASSERT_EQ(test, leak[i](pci_irq_vector(pdev, 0), pdev), 0);
			detach(test);
			next_driver_works(test);
		}
	}
	KUNIT_EXPECT_EQ(test, notifiers_released, 2);
}

/* The CPUs have some two hundred vectors each: none may get lost. */
static void no_cpu_vector_is_lost(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	/* Each round reports, and with stack traces that takes its time. */
	int i, rounds = IS_ENABLED(CONFIG_PCI_DEVRES_RUST_DEBUG) ? 20 : 1000;

	for (i = 0; i < rounds; i++) {
		bind_with(test, probe_nothing);
		if (alloc(pdev, 0, type_of(test)) != 1 ||
		    leak_plain(pci_irq_vector(pdev, 0), pdev))
			break;
		device_release_driver(&pdev->dev);
	}
	KUNIT_EXPECT_EQ(test, i, rounds);
	detach(test);
	next_driver_works(test);
}

/* The device is gone before its driver is: whatever is left goes without its help. */
static void removed_device_is_not_touched(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;

	for (how = 0; how < ARRAY_SIZE(alloc_name); how += EXPLICIT) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, alloc(pdev, how, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, leak_plain(pci_irq_vector(pdev, 0), pdev), 0);
		pdev->error_state = pci_channel_io_perm_failure;
		detach(test);
		pdev->error_state = pci_channel_io_normal;
	}
	next_driver_works(test);
}

/* Resume and reset write back what the core believes; after a leak it believes nothing stale. */
static void restored_state_is_sane(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int how;
	int ret;

	for (how = 0; how < ARRAY_SIZE(alloc_name); how += EXPLICIT) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, alloc(pdev, how, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, leak_plain(pci_irq_vector(pdev, 0), pdev), 0);
		/* With vectors, as in suspend and resume... */
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		KUNIT_EXPECT_TRUE(test, live(pdev));
		detach(test);

		/* ...and when they have been taken away. */
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		ret = pci_reset_function(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, ret == 0 || ret == -ENOTTY, "reset: %d", ret);
		KUNIT_EXPECT_FALSE(test, live(pdev));
		next_driver_works(test);
	}
}

/* edu: raise an interrupt, and lower it. */
#define EDU_RAISE	0x60
#define EDU_ACKNOWLEDGE	0x64

static struct {
	void __iomem *bar;
	atomic_t seen;
} storm;

static irqreturn_t storm_handler(int irq, void *data)
{
	atomic_inc(&storm.seen);
	writel(1, storm.bar + EDU_ACKNOWLEDGE);
	return IRQ_HANDLED;
}

static int storm_thread(void *unused)
{
	while (!kthread_should_stop()) {
		writel(1, storm.bar + EDU_RAISE);
		usleep_range(20, 50);
	}
	return 0;
}

/* Interrupts arrive while handlers and vectors are freed, by the driver and at detach. */
static void interrupts_arrive_meanwhile(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct task_struct *thread;
	int i, irq;

	KUNIT_ASSERT_EQ(test, pci_enable_device(pdev), 0);
	pci_set_master(pdev);
	storm.bar = pci_iomap(pdev, 0, 0);
	KUNIT_ASSERT_NOT_NULL(test, storm.bar);
	atomic_set(&storm.seen, 0);
	thread = kthread_run(storm_thread, NULL, "ownership_storm");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);

	for (i = 0; i < 200; i++) {
		unsigned int how = i & 1 ? 0 : 5;
		int before = atomic_read(&storm.seen);
		int tries = 1000;

		bind_with(test, probe_nothing);
		if (alloc(pdev, how, PCI_IRQ_MSI) != 1)
			break;
		irq = pci_irq_vector(pdev, 0);
		if (request_irq(irq, storm_handler, 0, "storm", pdev))
			break;
		while (atomic_read(&storm.seen) == before && --tries)
			usleep_range(50, 100);
		if (!tries)
			break;
		switch (i / 2 % 3) {
		case 0:		/* properly */
			free_irq(irq, pdev);
			if (how < EXPLICIT)
				pci_free_irq_vectors(pdev);
			break;
		case 1:		/* too early, and then properly */
			pci_free_irq_vectors(pdev);
			free_irq(irq, pdev);
			if (how < EXPLICIT)
				pci_free_irq_vectors(pdev);
			break;
		case 2:		/* not at all */
			break;
		}
		detach(test);
	}
	KUNIT_EXPECT_EQ(test, i, 200);

	kthread_stop(thread);
	writel(1, storm.bar + EDU_ACKNOWLEDGE);
	pci_iounmap(pdev, storm.bar);
	pci_disable_device(pdev);
	next_driver_works(test);
}

static int ownership_init(struct kunit *test)
{
	const struct hardware *hw = hardware_of(test);
	struct pci_dev *pdev = pci_get_device(hw->vendor, hw->device, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no %s: run QEMU with -device edu -device e1000e",
				  hw->name);
	test->priv = pdev;
	KUNIT_ASSERT_NULL_MSG(test, pdev->dev.driver, "somebody else's driver is bound");
	return 0;
}

static void ownership_exit(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	/* A case that was cut short leaves the device bound. */
	if (pdev && pdev->driver == &driver)
		device_release_driver(&pdev->dev);
	probe_of_case = NULL;
	pci_dev_put(pdev);
}

static int ownership_suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void ownership_suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_case ownership_cases[] = {
	KUNIT_CASE_PARAM(no_vectors, hardware_gen_params),
	KUNIT_CASE_PARAM(second_allocation_is_busy, hardware_gen_params),
	KUNIT_CASE_PARAM(explicit_vectors_driver_frees, hardware_gen_params),
	KUNIT_CASE_PARAM(managed_vectors_refuse_explicit_free, hardware_gen_params),
	KUNIT_CASE_PARAM(disable_of_other_type_does_nothing, hardware_gen_params),
	KUNIT_CASE_PARAM(detach_frees_managed, hardware_gen_params),
	KUNIT_CASE_PARAM(detach_frees_leaked_explicit, hardware_gen_params),
	KUNIT_CASE_PARAM(failed_probe_frees_managed, hardware_gen_params),
	KUNIT_CASE_PARAM(enable_order_changes_nothing, hardware_gen_params),
	KUNIT_CASE_PARAM(failed_allocation_leaves_no_owner, hardware_gen_params),
	KUNIT_CASE_PARAM(bad_input, hardware_gen_params),
	KUNIT_CASE_PARAM(bad_state, hardware_gen_params),
	KUNIT_CASE(device_without_vectors),
	KUNIT_CASE_PARAM(intx_owns_nothing, hardware_gen_params),
	KUNIT_CASE_PARAM(one_devres_entry, hardware_gen_params),
	KUNIT_CASE_PARAM(nothing_is_allocated_during_detach, hardware_gen_params),
	KUNIT_CASE_PARAM(free_while_devres_releases, hardware_gen_params),
	KUNIT_CASE_PARAM(group_release_frees_managed, hardware_gen_params),
	KUNIT_CASE_PARAM(handlers_go_before_vectors, hardware_gen_params),
	KUNIT_CASE_PARAM(free_under_handler_is_refused, hardware_gen_params),
	KUNIT_CASE(added_vector_follows_the_owner),
	KUNIT_CASE_PARAM(leaked_handlers_are_contained, hardware_gen_params),
	KUNIT_CASE_PARAM(no_cpu_vector_is_lost, hardware_gen_params),
	KUNIT_CASE_PARAM(removed_device_is_not_touched, hardware_gen_params),
	KUNIT_CASE_PARAM(restored_state_is_sane, hardware_gen_params),
	KUNIT_CASE_PARAM(interrupts_arrive_meanwhile, edu_gen_params),
	{}
};

static struct kunit_suite ownership_suite = {
	.name = "pci_irq_vector_ownership",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = ownership_cases,
};
kunit_test_suite(ownership_suite);

MODULE_DESCRIPTION("KUnit test of PCI interrupt-vector ownership");
MODULE_LICENSE("GPL");
