// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership: who may allocate and free what,
 * row by row of the table in Documentation/PCI/irq-vector-ownership.rst.
 */

#include <linux/msi.h>

#include "ownership_kunit.h"

/* no vectors: every allocation succeeds, every free does nothing. */
static void no_vectors(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	bind_with(test, probe_enable);
	for (call = 0; call < ALLOC_CALLS; call++) {
		int ret = ownership_alloc(pdev, call, type_of(test));

		if (!ret)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, ret, 1, "%s", ownership_call_name[call]);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		ownership_free(pdev, call);
		KUNIT_EXPECT_FALSE_MSG(test, has_vectors(pdev), "%s", ownership_call_name[call]);

		pci_free_irq_vectors(pdev);
		pci_disable_msi(pdev);
		pci_disable_msix(pdev);
		pcim_free_irq_vectors(pdev);
	}
	expect_no_report(test);
	detach(test);
}

/* With vectors live nothing can be allocated, INTx neither, and each attempt is reported. */
static void expect_busy(struct kunit *test, enum alloc_call first, int ret, const char *what)
{
	KUNIT_EXPECT_EQ_MSG(test, ret, -EBUSY, "%s", what);
	KUNIT_EXPECT_TRUE(test, has_vectors(dev_of(test)));
	expect_reports(test, 1, "allocation refused, the %s owns the %s vectors that are live",
		       is_managed(first) ? "device" : "driver", type_name(test));
}

static void second_allocation_is_busy(struct kunit *test)
{
	static const unsigned int types[] = {
		PCI_IRQ_MSI, PCI_IRQ_MSIX, PCI_IRQ_INTX, PCI_IRQ_ALL_TYPES,
	};
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call first, second;
	unsigned int i;

	for (first = 0; first < ALLOC_CALLS; first++) {
		bind_with(test, probe_enable);
		if (ownership_alloc(pdev, first, type_of(test)) != 1) {
			detach(test);
			continue;
		}
		for (second = 0; second < ALLOC_CALLS; second++) {
			for (i = 0; i < ARRAY_SIZE(types); i++) {
				/* Not all have a type. */
				int ret = ownership_alloc(pdev, second, types[i]);

				if (ret)
					expect_busy(test, first, ret, ownership_call_name[second]);
			}
		}
		/* Whose they are has not changed. */
		KUNIT_EXPECT_GT(test, pci_irq_vector(pdev, 0), 0);
		ownership_free(pdev, first);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
		expect_no_report(test);
		detach(test);
	}
}

static void explicit_vectors_driver_frees(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	bind_with(test, probe_enable);
	for (call = 0; call < FIRST_MANAGED; call++) {
		if (ownership_alloc(pdev, call, type_of(test)) != 1)
			continue;
		pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, has_vectors(pdev), "pcim_free freed %s",
				      ownership_call_name[call]);
		expect_reports(test, 1, "managed free refused, the driver owns the %s vectors",
			       type_name(test));
		if (type_of(test) == PCI_IRQ_MSI)
			pci_disable_msi(pdev);
		else
			pci_disable_msix(pdev);
		KUNIT_EXPECT_FALSE_MSG(test, has_vectors(pdev), "%s", ownership_call_name[call]);
		expect_no_report(test);
	}
	detach(test);
}

static void managed_vectors_refuse_explicit_free(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	bind_with(test, probe_enable);
	for (call = FIRST_MANAGED; call < ALLOC_CALLS; call++) {
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		pci_free_irq_vectors(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		pci_disable_msi(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		pci_disable_msix(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		/* The call for the other type has nothing to free. */
		expect_reports(test, 2, "free refused, the device owns the %s vectors until detach",
			       type_name(test));
		KUNIT_EXPECT_GT(test, pci_irq_vector(pdev, 0), 0);
		pcim_free_irq_vectors(pdev);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
		expect_no_report(test);
	}
	detach(test);
}

static void disable_of_other_type_does_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	bind_with(test, probe_enable);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		if (type_of(test) == PCI_IRQ_MSI)
			pci_disable_msix(pdev);
		else
			pci_disable_msi(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		ownership_free(pdev, call);
	}
	expect_no_report(test);
	detach(test);
}

/* Enabling the device, before or after or never, decides nothing. */
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
		KUNIT_EXPECT_FALSE_MSG(test, has_vectors(pdev), "%s", table[i].what);
	}
	/* The MSI core takes a min of 0 amiss, for MSI-X it does not. */
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

/* What the calls answer when the device, or this machine, cannot have vectors now. */
static void bad_state(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int type = type_of(test);
	enum alloc_call call;

	/* Not enabled: vectors do not depend on it. */
	bind_with(test, probe_nothing);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, call, type), 1);
		ownership_free(pdev, call);
	}

	/* MSI switched off for this device, as quirks do. */
	pdev->no_msi = 1;
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_ALL_TYPES), 1);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	pdev->no_msi = 0;

	/* INTx switched off makes no difference: the line is still there to ask for. */
	pci_intx(pdev, 0);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_INTX), 1);

	/* Asleep. */
	if (!pci_set_power_state(pdev, PCI_D3hot)) {
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type), -EINVAL);
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type), -EINVAL);
		pci_set_power_state(pdev, PCI_D0);
	}
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	detach(test);
}

/* A device without the capability; the host bridge has none, and no driver. */
static void device_without_vectors(struct kunit *test)
{
	struct pci_dev *pdev = pci_get_domain_bus_and_slot(0, 0, 0);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, PCI_IRQ_MSI), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, PCI_IRQ_MSIX), -EINVAL);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, PCI_IRQ_MSI | PCI_IRQ_MSIX), -EINVAL);
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
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	detach(test);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Nothing is freed under a handler; once it is gone the same call frees. */
static void free_under_handler_is_refused(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;
	int irq;

	bind_with(test, probe_enable);
	for (call = 0; call < ALLOC_CALLS; call++) {
		if (ownership_alloc(pdev, call, type_of(test)) != 1)
			continue;
		irq = pci_irq_vector(pdev, 0);
		KUNIT_ASSERT_EQ(test, request_irq(irq, handler, 0, "early", pdev), 0);

		/* Whose they are comes first, then whether they have a handler. */
		ownership_free(pdev, call);
		expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
			       handler, irq);
		pci_disable_msi(pdev);
		pci_disable_msix(pdev);
		if (is_managed(call))
			expect_reports(test, 1,
				       "free refused, the device owns the %s vectors until detach",
				       type_name(test));
		else
			expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
				       handler, irq);
		KUNIT_EXPECT_TRUE_MSG(test, has_vectors(pdev), "%s", ownership_call_name[call]);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 0), irq);

		free_irq(irq, pdev);
		ownership_free(pdev, call);
		KUNIT_EXPECT_FALSE_MSG(test, has_vectors(pdev), "%s", ownership_call_name[call]);
	}
	detach(test);
}

/* A vector that was added to the live ones goes alone, or with them. */
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
		if (!is_managed(call))
			expect_reports(test, 1, "%s vectors leaked by the driver, freed at detach",
				       type_name(test));
	}
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
