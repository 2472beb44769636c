// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests who may allocate and free interrupt vectors, row by
 * row of the table in ownership_rule.h, which is the table of
 * Documentation/PCI/irq-vector-ownership.rst in C. ask_rule() in
 * ownership_kunit_rule.c makes the calls and compares the results. Some cases
 * test what the table does not say.
 */

#include <linux/msi.h>

#include "ownership_kunit.h"

#define ALLOCATIONS	(BIT(RULE_ALLOC_EXPLICIT) | BIT(RULE_ALLOC_MANAGED))
#define FREES		(BIT(RULE_FREE_EXPLICIT) | BIT(RULE_FREE_MANAGED))
#define RELEASES	(BIT(RULE_RELEASE_GROUP) | BIT(RULE_DETACH))

/* Without vectors every allocation succeeds, and every free does nothing. */
static void no_vectors(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_NONE,
		 ALLOCATIONS | FREES | RELEASES | BIT(RULE_FREE_OTHER_TYPE), false);
}

/* While vectors are live no call allocates, not even INTx, and each attempt is reported. */
static void second_allocation_is_busy(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, ALLOCATIONS, false);
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, ALLOCATIONS, false);
}

static void explicit_vectors_driver_frees(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, FREES | RELEASES, false);
}

static void managed_vectors_refuse_explicit_free(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, FREES | RELEASES, false);
}

static void disable_of_other_type_does_nothing(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, BIT(RULE_FREE_OTHER_TYPE), false);
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, BIT(RULE_FREE_OTHER_TYPE), false);
}

/* It makes no difference whether the device is enabled before, after or never. */
static void enable_order_changes_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
	detach(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	detach(test);

	bind_with(test, probe_nothing);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
	KUNIT_EXPECT_EQ(test, pcim_enable_device(pdev), 0);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	detach(test);
}

static void failed_allocation_leaves_no_owner(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);

	bind_with(test, probe_enable);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 64, 64, type), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 2, 1, type), -ERANGE);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type), 1);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	detach(test);
}

/* Explicit and managed calls refuse wrong arguments with the same errno. */
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
		KUNIT_EXPECT_FALSE_MSG(test, has_vectors(pdev), "%s", table[i].what);
	}
	/* The core refuses a minimum of 0 for MSI, and accepts it for MSI-X. */
	ret = type == PCI_IRQ_MSI ? -EINVAL : 1;
	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, 0, 1, type), ret);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 0, 1, type), ret);
	pcim_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));

	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(NULL, 1, 1, type), -EINVAL);
	pcim_free_irq_vectors(NULL);

	/* No vector has that index, before an allocation and after. */
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 1), -EINVAL);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type), 1);
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 1), -EINVAL);
	detach(test);
}

/* The calls fail with the documented errno when the device cannot have vectors now. */
static void bad_state(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);
	enum alloc_call call;

	/* The device need not be enabled. */
	bind_with(test, probe_nothing);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, call, type), 1);
		ownership_free(pdev, call);
	}

	/* MSI is switched off for the device, as quirks do. */
	pdev->no_msi = 1;
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_ALL_TYPES), 1);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	pdev->no_msi = 0;

	/* Switching INTx off in the device does not take its line away. */
	pci_intx(pdev, 0);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_INTX), 1);

	/* The device is powered down. */
	if (!pci_set_power_state(pdev, PCI_D3hot)) {
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type), -EINVAL);
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type), -EINVAL);
		pci_set_power_state(pdev, PCI_D0);
	}
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	detach(test);
}

/* The function has neither the capabilities nor a driver. */
static void device_without_vectors(struct kunit *test)
{
	struct pci_dev *pdev = ownership_device_without_vectors();

	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, PCI_IRQ_MSI), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, PCI_IRQ_MSIX), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_MSI | PCI_IRQ_MSIX),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&pdev->dev.devres_head), 0);
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
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	detach(test);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/*
 * No call frees under a handler; the owner's call frees once the handler is
 * gone. The owner is checked first, then the handlers.
 */
static void free_under_handler_is_refused(struct kunit *test)
{
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, FREES | BIT(RULE_RELEASE_GROUP), true);
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, FREES | RELEASES, true);
}

/* A vector that was added can be freed by itself, or is freed with the others. */
static void added_vector_follows_the_owner(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msi_map map;
	enum alloc_call call;

	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, PCI_IRQ_MSIX), 1);
		KUNIT_ASSERT_TRUE(test, pci_msix_can_alloc_dyn(pdev));

		map = pci_msix_alloc_irq_at(pdev, 3, NULL);
		KUNIT_ASSERT_EQ(test, map.index, 3);
		KUNIT_ASSERT_EQ(test, request_irq(map.virq, handler, 0, "added", pdev), 0);
		pci_msix_free_irq(pdev, map);
		expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
			       handler, map.virq);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 3), map.virq);
		free_irq(map.virq, pdev);
		pci_msix_free_irq(pdev, map);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 3), -EINVAL);

		map = pci_msix_alloc_irq_at(pdev, MSI_ANY_INDEX, NULL);
		KUNIT_EXPECT_EQ(test, map.index, 1);
		expect_no_report(test);
		detach(test);
		if (!makes_managed(call))
			expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
				       type_name(test));
	}
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, BIT(RULE_ADD_ONE) | BIT(RULE_FREE_ONE), false);
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, BIT(RULE_ADD_ONE) | BIT(RULE_FREE_ONE), false);
	ask_rule(test, PCI_IRQ_OWNER_DRIVER, BIT(RULE_FREE_ONE), true);
	ask_rule(test, PCI_IRQ_OWNER_DEVICE, BIT(RULE_FREE_ONE), true);
	next_driver_works(test);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE_PARAM(no_vectors, ownership_gen_params),
	KUNIT_CASE_PARAM(second_allocation_is_busy, ownership_gen_params),
	KUNIT_CASE_PARAM(explicit_vectors_driver_frees, ownership_gen_params),
	KUNIT_CASE_PARAM(managed_vectors_refuse_explicit_free, ownership_gen_params),
	KUNIT_CASE_PARAM(disable_of_other_type_does_nothing, ownership_gen_params),
	KUNIT_CASE_PARAM(enable_order_changes_nothing, ownership_gen_params),
	KUNIT_CASE_PARAM(failed_allocation_leaves_no_owner, ownership_gen_params),
	KUNIT_CASE_PARAM(bad_input, ownership_gen_params),
	KUNIT_CASE_PARAM(bad_state, ownership_gen_params),
	KUNIT_CASE(device_without_vectors),
	KUNIT_CASE_PARAM(intx_owns_nothing, ownership_gen_params),
	KUNIT_CASE_PARAM(free_under_handler_is_refused, ownership_gen_params),
	KUNIT_CASE(added_vector_follows_the_owner),
	{}
};

static struct kunit_suite table_suite = {
	.name = "pci_irq_vector_ownership",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = table_cases,
};
kunit_test_suite(table_suite);
