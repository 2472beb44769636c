// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests what becomes of an allocation when there is no
 * interrupt domain behind the device, or when that domain has no vectors left.
 */

#include <linux/irqdomain.h>
#include <linux/pci-soft.h>

#include "ownership_kunit.h"

/* Checks that no call allocates vectors of the type, but that the INTx interrupt is there. */
static void expect_only_intx(struct kunit *test, int error)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int any = PCI_IRQ_INTX | type_of(test);
	enum alloc_call call;
	int ret;

	for (call = 0; call < ALLOC_CALLS; call++) {
		ret = ownership_alloc(pdev, call, type_of(test));
		/* The call may not know the type. */
		if (ret)
			KUNIT_EXPECT_EQ_MSG(test, ret, error, "%s", ownership_call_name[call]);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	}
	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, 1, 1, any), 1);
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 0), pdev->irq);
	pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 1, 1, any), 1);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	pcim_free_irq_vectors(pdev);
}

/* --- No domain --- */

static struct irq_domain *domain;

static void restore_domain(void *pdev)
{
	dev_set_msi_domain(&((struct pci_dev *)pdev)->dev, domain);
}

/* A bridge that cannot forward messages leaves the devices behind it without a domain. */
static void device_without_domain(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	domain = dev_get_msi_domain(&pdev->dev);
	KUNIT_ASSERT_NOT_NULL(test, domain);
	bind_with(test, probe_enable);
	dev_set_msi_domain(&pdev->dev, NULL);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, restore_domain, pdev), 0);
	expect_only_intx(test, -ENOTSUPP);
	expect_no_report(test);
	detach(test);

	kunit_release_action(test, restore_domain, pdev);
	next_driver_works(test);
}

/* --- A full domain --- */

static void give_back_vectors(void *unused)
{
	pci_soft_give_vectors();
}

/* Takes all vectors but @left until the case ends. Returns how many were free. */
static unsigned int take_vectors(struct kunit *test, unsigned int left)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, give_back_vectors, NULL), 0);
	return pci_soft_take_vectors(left);
}

/*
 * An allocation that the domain refuses leaves nothing that a later one could
 * stumble over, whether that asks for as many vectors or for fewer.
 */
static void domain_without_vectors(struct kunit *test)
{
	unsigned int wanted = type_of(test) == PCI_IRQ_MSIX ? SOURCE_VECTORS : 1;
	struct pci_dev *pdev = dev_of(test);
	int call;

	bind_with(test, probe_enable);
	take_vectors(test, 0);
	expect_only_intx(test, -ENOSPC);

	/* Others have freed one vector. */
	pci_soft_give_vectors();
	take_vectors(test, 1);
	for (call = PCI_ALLOC; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		if (wanted > 1)
			KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, wanted, wanted,
								    type_of(test)), -ENOSPC);
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		ownership_free(pdev, call);
	}

	/* Others have freed all. */
	pci_soft_give_vectors();
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, wanted, wanted, type_of(test)), wanted);
	detach(test);
	expect_no_report(test);
	next_driver_works(test);
}

static irqreturn_t handler(int irq, void *unused)
{
	return IRQ_HANDLED;
}

/* Whoever frees the vectors, and whatever was leaked, the domain gets all of them back. */
static void domain_gets_vectors_back(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int all;
	int i;

	all = take_vectors(test, 0);
	pci_soft_give_vectors();
	for (i = 0; i < 20; i++) {
		enum alloc_call call = i % 2 ? PCI_ALLOC : PCIM_ALLOC;
		unsigned int mistake = i / 2 % 3;

		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		/* The driver leaks its vectors, or its handler as well, or frees too early. */
		if (mistake > 0)
			KUNIT_ASSERT_EQ(test, request_irq(pci_irq_vector(pdev, 0), handler, 0,
							  "domain", pdev), 0);
		if (mistake > 1) {
			ownership_free(pdev, call);
			free_irq(pci_irq_vector(pdev, 0), pdev);
			ownership_free(pdev, call);
		}
		detach(test);
	}
	forget_reports();

	KUNIT_EXPECT_EQ(test, take_vectors(test, 0), all);
}

static struct kunit_case domain_cases[] = {
	KUNIT_CASE_PARAM(device_without_domain, ownership_gen_all),
	KUNIT_CASE_PARAM(domain_without_vectors, ownership_gen_params),
	KUNIT_CASE_PARAM(domain_gets_vectors_back, ownership_gen_params),
	{}
};

static struct kunit_suite domain_suite = {
	.name = "pci_irq_vector_domain",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = domain_cases,
};
kunit_test_suite(domain_suite);
