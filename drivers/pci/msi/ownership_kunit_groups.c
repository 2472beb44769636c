// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership: devres groups.
 *
 * Drivers open a group, try something, and release the group if it fails.
 * Managed vectors go with the group that they were allocated in. Explicit ones
 * stay, unless the MSI data of the device goes with it: the first allocation
 * of a binding registers that, wherever it is made.
 */

#include <linux/irq.h>

#include "ownership_kunit.h"

struct grouped {
	struct hardware hw;
	const char *name;
	enum alloc_call call;
};

static const struct grouped grouped[] = {
	ON_BOTH("explicit", PCI_ALLOC),
	ON_BOTH("managed", PCIM_ALLOC),
};

static void grouped_name(const struct grouped *grouped, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", grouped->hw.name, grouped->name);
}
KUNIT_ARRAY_PARAM(grouped, grouped, grouped_name);

static enum alloc_call call_of(struct kunit *test)
{
	const struct grouped *grouped = test->param_value;

	return grouped->call;
}

/* Allocates as the case wants it, and returns the interrupt. */
static int allocate(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, ownership_alloc(dev_of(test), call_of(test), type_of(test)), 1);
	return pci_irq_vector(dev_of(test), 0);
}

/* Has the device have MSI data, registered where this is called, and no vectors. */
static void set_up_msi_data(struct kunit *test)
{
	allocate(test);
	ownership_free(dev_of(test), call_of(test));
	KUNIT_ASSERT_FALSE(test, has_vectors(dev_of(test)));
}

static void *open_group(struct kunit *test)
{
	void *group = devres_open_group(&dev_of(test)->dev, NULL, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, group);
	return group;
}

static void close_group(struct kunit *test, void *group)
{
	devres_close_group(&dev_of(test)->dev, group);
}

static void release_group(struct kunit *test, void *group)
{
	devres_release_group(&dev_of(test)->dev, group);
}

static void expect_live(struct kunit *test, int irq)
{
	KUNIT_EXPECT_TRUE(test, has_vectors(dev_of(test)));
	KUNIT_EXPECT_EQ(test, pci_irq_vector(dev_of(test), 0), irq);
	KUNIT_EXPECT_NOT_NULL(test, irq_get_irq_data(irq));
}

static void expect_gone(struct kunit *test, int irq)
{
	KUNIT_EXPECT_FALSE(test, has_vectors(dev_of(test)));
	KUNIT_EXPECT_NULL(test, irq_get_irq_data(irq));
}

/* What is expected of vectors whose MSI data has gone. */
static void expect_safety_net(struct kunit *test, int irq)
{
	expect_gone(test, irq);
	if (is_managed(call_of(test)))
		expect_no_report(test);
	else
		expect_reports(test, 1, "%s vectors leaked by the driver, freed at detach",
			       type_name(test));
}

/* The driver and its successor go on as if nothing had been. */
static void finish(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	expect_no_report(test);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		ownership_free(pdev, call);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	}
	detach(test);
	next_driver_works(test);
	expect_no_report(test);
}

/* The driver frees what is live, as its owner does. */
static void free_and_finish(struct kunit *test, int irq)
{
	expect_live(test, irq);
	ownership_free(dev_of(test), call_of(test));
	expect_gone(test, irq);
	finish(test);
}

/* The group is released when it is still open, or when it has been closed. */
static void vectors_in_group(struct kunit *test)
{
	unsigned int closed;
	void *group;
	int irq;

	for (closed = 0; closed < 2; closed++) {
		bind_with(test, probe_enable);
		set_up_msi_data(test);
		group = open_group(test);
		irq = allocate(test);
		if (closed)
			close_group(test, group);
		release_group(test, group);
		if (is_managed(call_of(test))) {
			expect_gone(test, irq);
			finish(test);
		} else {
			free_and_finish(test, irq);
		}
	}
}

static void vectors_and_msi_data_in_group(struct kunit *test)
{
	unsigned int closed;
	void *group;
	int irq;

	for (closed = 0; closed < 2; closed++) {
		bind_with(test, probe_enable);
		group = open_group(test);
		irq = allocate(test);
		if (closed)
			close_group(test, group);
		release_group(test, group);
		expect_safety_net(test, irq);
		finish(test);
	}
}

static void vectors_before_group(struct kunit *test)
{
	void *group;
	int irq;

	bind_with(test, probe_enable);
	irq = allocate(test);
	group = open_group(test);
	KUNIT_ASSERT_NOT_NULL(test, devm_kzalloc(&dev_of(test)->dev, 1, GFP_KERNEL));
	close_group(test, group);
	release_group(test, group);
	free_and_finish(test, irq);
}

static void vectors_after_group(struct kunit *test)
{
	void *group;
	int irq;

	bind_with(test, probe_enable);
	group = open_group(test);
	KUNIT_ASSERT_NOT_NULL(test, devm_kzalloc(&dev_of(test)->dev, 1, GFP_KERNEL));
	close_group(test, group);
	irq = allocate(test);
	release_group(test, group);
	free_and_finish(test, irq);
}

/* The vectors were allocated outside, but what they need was not. */
static void msi_data_in_group_alone(struct kunit *test)
{
	void *group;
	int irq;

	bind_with(test, probe_enable);
	group = open_group(test);
	set_up_msi_data(test);
	close_group(test, group);
	irq = allocate(test);
	release_group(test, group);
	expect_safety_net(test, irq);
	finish(test);
}

/* An entry whose vectors went before it frees no others, when its turn comes. */
static void entry_without_vectors_frees_nothing(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *inner, *outer;
	int irq;

	bind_with(test, probe_enable);
	outer = open_group(test);
	inner = open_group(test);
	set_up_msi_data(test);
	close_group(test, inner);
	irq = allocate(test);
	close_group(test, outer);
	release_group(test, inner);
	expect_safety_net(test, irq);

	irq = ownership_alloc(pdev, PCI_ALLOC, type_of(test));
	KUNIT_ASSERT_EQ(test, irq, 1);
	irq = pci_irq_vector(pdev, 0);
	release_group(test, outer);
	expect_live(test, irq);
	expect_no_report(test);
	pci_free_irq_vectors(pdev);
	expect_gone(test, irq);
	finish(test);
}

static void freed_early_in_group(struct kunit *test)
{
	unsigned int with_data;
	void *group;

	for (with_data = 0; with_data < 2; with_data++) {
		bind_with(test, probe_enable);
		if (!with_data)
			set_up_msi_data(test);
		group = open_group(test);
		set_up_msi_data(test);
		close_group(test, group);
		release_group(test, group);
		finish(test);
	}
}

/* A group has nothing to do with vectors allocated after those that it once had. */
static void freed_early_and_allocated_elsewhere(struct kunit *test)
{
	void *first, *second;
	int irq;

	bind_with(test, probe_enable);
	set_up_msi_data(test);
	first = open_group(test);
	set_up_msi_data(test);
	close_group(test, first);
	second = open_group(test);
	irq = allocate(test);
	close_group(test, second);

	release_group(test, first);
	expect_live(test, irq);
	release_group(test, second);
	if (is_managed(call_of(test))) {
		expect_gone(test, irq);
		finish(test);
	} else {
		free_and_finish(test, irq);
	}
}

/* A group that is removed leaves what was in it to the device. */
static void removed_group(struct kunit *test)
{
	void *group;
	int irq;

	bind_with(test, probe_enable);
	group = open_group(test);
	irq = allocate(test);
	close_group(test, group);
	devres_remove_group(&dev_of(test)->dev, group);
	expect_live(test, irq);
	detach(test);
	expect_safety_net(test, irq);
	next_driver_works(test);

	bind_with(test, probe_enable);
	group = open_group(test);
	irq = allocate(test);
	devres_remove_group(&dev_of(test)->dev, group);
	free_and_finish(test, irq);
}

static void group_is_left_at_detach(struct kunit *test)
{
	unsigned int closed;
	void *group;
	int irq;

	for (closed = 0; closed < 2; closed++) {
		bind_with(test, probe_enable);
		group = open_group(test);
		irq = allocate(test);
		if (closed)
			close_group(test, group);
		detach(test);
		expect_safety_net(test, irq);
		next_driver_works(test);
	}
}

static void groups_in_groups(struct kunit *test)
{
	void *inner, *outer;
	int irq;

	/* The vectors are in the inner group, which goes with the outer one. */
	bind_with(test, probe_enable);
	set_up_msi_data(test);
	outer = open_group(test);
	inner = open_group(test);
	irq = allocate(test);
	close_group(test, inner);
	close_group(test, outer);
	release_group(test, outer);
	if (is_managed(call_of(test))) {
		expect_gone(test, irq);
		finish(test);
	} else {
		free_and_finish(test, irq);
	}

	/* They are in the outer group, before the inner one and after it. */
	bind_with(test, probe_enable);
	set_up_msi_data(test);
	outer = open_group(test);
	irq = allocate(test);
	inner = open_group(test);
	close_group(test, inner);
	release_group(test, inner);
	expect_live(test, irq);
	ownership_free(dev_of(test), call_of(test));
	inner = open_group(test);
	close_group(test, inner);
	irq = allocate(test);
	release_group(test, inner);
	expect_live(test, irq);
	release_group(test, outer);
	if (is_managed(call_of(test))) {
		expect_gone(test, irq);
		finish(test);
	} else {
		free_and_finish(test, irq);
	}
}

static struct {
	struct kunit *test;
	int irq;
} probing;

/* The group of a probe that fails is still open when devres releases everything. */
static int fail_in_group(struct pci_dev *pdev)
{
	if (!devres_open_group(&pdev->dev, NULL, GFP_KERNEL))
		return -ENOMEM;
	if (ownership_alloc(pdev, call_of(probing.test), type_of(probing.test)) == 1)
		probing.irq = pci_irq_vector(pdev, 0);
	return -EIO;
}

/* The first attempt fails, and the second one does not. */
static int succeed_after_group(struct pci_dev *pdev)
{
	void *group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	int ret = ownership_alloc(pdev, call_of(probing.test), type_of(probing.test));

	devres_release_group(&pdev->dev, group);
	if (ret != 1)
		return -EIO;
	ret = ownership_alloc(pdev, call_of(probing.test), type_of(probing.test));
	return ret == 1 ? 0 : -EIO;
}

static void probe_fails_in_group(struct kunit *test)
{
	probing.test = test;
	probing.irq = 0;
	fail_to_bind_with(test, fail_in_group);
	KUNIT_ASSERT_GT(test, probing.irq, 0);
	expect_safety_net(test, probing.irq);
	next_driver_works(test);

	bind_with(test, succeed_after_group);
	if (!is_managed(call_of(test)))
		expect_reports(test, 1, "%s vectors leaked by the driver, freed at detach",
			       type_name(test));
	free_and_finish(test, pci_irq_vector(dev_of(test), 0));
}

static struct {
	struct kunit *test;
	enum alloc_call call;
	int ret;
} action;

static void alloc_action(void *unused)
{
	action.ret = ownership_alloc(dev_of(action.test), action.call, type_of(action.test));
}

static void add_action(struct kunit *test)
{
	action.test = test;
	action.call = call_of(test);
	action.ret = 0;
	KUNIT_ASSERT_EQ(test, devm_add_action(&dev_of(test)->dev, alloc_action, NULL), 0);
}

/* A devm action allocates while its group is being released, and devres finds no entry of it. */
static void action_allocates_before_vectors_go(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;

	bind_with(test, probe_enable);
	set_up_msi_data(test);
	group = open_group(test);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	add_action(test);
	close_group(test, group);
	release_group(test, group);
	KUNIT_EXPECT_EQ(test, action.ret, -EBUSY);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	expect_reports(test, 1, "allocation refused, the device owns the %s vectors that are live",
		       type_name(test));
	finish(test);
}

static void action_allocates_after_vectors_went(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	unsigned int data_in_group;
	void *group;

	/* New vectors are not in the group; new MSI data is not either. */
	for (data_in_group = 0; data_in_group < 2; data_in_group++) {
		bind_with(test, probe_enable);
		if (!data_in_group)
			set_up_msi_data(test);
		group = open_group(test);
		add_action(test);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
		close_group(test, group);
		release_group(test, group);
		KUNIT_EXPECT_EQ(test, action.ret, 1);
		expect_no_report(test);
		free_and_finish(test, pci_irq_vector(pdev, 0));
	}

	/* The MSI data is about to go: so are the vectors. */
	bind_with(test, probe_enable);
	group = open_group(test);
	set_up_msi_data(test);
	add_action(test);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	close_group(test, group);
	release_group(test, group);
	KUNIT_EXPECT_EQ(test, action.ret, 1);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	if (!is_managed(action.call))
		expect_reports(test, 1, "%s vectors leaked by the driver, freed at detach",
			       type_name(test));
	finish(test);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* A managed handler in the group goes before the vectors do, or without them. */
static void handler_in_group(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;
	int irq;

	bind_with(test, probe_enable);
	set_up_msi_data(test);
	group = open_group(test);
	irq = allocate(test);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "group", pdev), 0);
	close_group(test, group);
	release_group(test, group);
	if (is_managed(call_of(test))) {
		expect_gone(test, irq);
		finish(test);
	} else {
		free_and_finish(test, irq);
	}

	bind_with(test, probe_enable);
	irq = allocate(test);
	group = open_group(test);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "group", pdev), 0);
	close_group(test, group);
	release_group(test, group);
	free_and_finish(test, irq);
}

/* A handler that is not in the group is in the way of vectors that are. */
static void handler_outside_group(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	void *group;
	int irq;

	bind_with(test, probe_enable);
	set_up_msi_data(test);
	group = open_group(test);
	irq = allocate(test);
	close_group(test, group);
	KUNIT_ASSERT_EQ(test, request_irq(irq, handler, 0, "outside", pdev), 0);
	release_group(test, group);
	if (is_managed(call_of(test))) {
		expect_reports(test, 1, "handler %ps on irq %d leaked by the driver, released at detach",
			       handler, irq);
		expect_gone(test, irq);
		finish(test);
	} else {
		free_irq(irq, pdev);
		free_and_finish(test, irq);
	}
}

static struct kunit_case groups_cases[] = {
	KUNIT_CASE_PARAM(vectors_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(vectors_and_msi_data_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(vectors_before_group, grouped_gen_params),
	KUNIT_CASE_PARAM(vectors_after_group, grouped_gen_params),
	KUNIT_CASE_PARAM(msi_data_in_group_alone, grouped_gen_params),
	KUNIT_CASE_PARAM(entry_without_vectors_frees_nothing, grouped_gen_params),
	KUNIT_CASE_PARAM(freed_early_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(freed_early_and_allocated_elsewhere, grouped_gen_params),
	KUNIT_CASE_PARAM(removed_group, grouped_gen_params),
	KUNIT_CASE_PARAM(group_is_left_at_detach, grouped_gen_params),
	KUNIT_CASE_PARAM(groups_in_groups, grouped_gen_params),
	KUNIT_CASE_PARAM(probe_fails_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(action_allocates_before_vectors_go, grouped_gen_params),
	KUNIT_CASE_PARAM(action_allocates_after_vectors_went, grouped_gen_params),
	KUNIT_CASE_PARAM(handler_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(handler_outside_group, grouped_gen_params),
	{}
};

static struct kunit_suite groups_suite = {
	.name = "pci_irq_vector_groups",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = groups_cases,
};
kunit_test_suite(groups_suite);
