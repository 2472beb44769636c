// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests what becomes of interrupt vectors with devres groups.
 *
 * Drivers open a group, try something, and release the group if it fails.
 * Managed vectors go with the group that they were allocated in. Explicit ones
 * stay, unless the MSI data of the device goes with it: the first allocation
 * of a binding registers that, wherever it is made.
 */

#include <linux/irq.h>
#include <linux/sched.h>

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

/* Allocates as the case specifies, and returns the interrupt. */
static int allocate(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, ownership_alloc(dev_of(test), call_of(test), type_of(test)), 1);
	return pci_irq_vector(dev_of(test), 0);
}

/*
 * Gives the device MSI data, which is registered where this is called, and
 * leaves it without vectors.
 */
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

/* Checks the vectors after their MSI data is gone. */
static void expect_safety_net(struct kunit *test, int irq)
{
	expect_gone(test, irq);
	if (makes_managed(call_of(test)))
		expect_no_report(test);
	else
		expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
			       type_name(test));
}

/* The driver and the next one can go on as if nothing had happened. */
static void finish(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	expect_no_report(test);
	if (!pdev->dev.driver) {
		next_driver_works(test);
		return;
	}
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
static void free_live(struct kunit *test, int irq)
{
	expect_live(test, irq);
	ownership_free(dev_of(test), call_of(test));
	expect_gone(test, irq);
}

/* The steps of a driver. There are two groups; the second one is for a group in a group. */
enum step {
	END,
	DATA,		/* sets up the MSI data, and leaves no vectors */
	ALLOC,
	FREE,
	REQUEST,	/* registers a managed handler */
	ENTRY,		/* adds an entry that has nothing to do with vectors */
	LIVE,		/* nothing; the vectors are there */
	OPEN, CLOSE, RELEASE, REMOVE,
	OPEN2, CLOSE2, RELEASE2,
	DETACH,
};

/* The state of the vectors after the last step. */
enum outcome {
	NONE,		/* there were none */
	STAY,
	MANAGED_GO,	/* explicit ones stay */
	DATA_GOES,	/* and all vectors with it */
};

/* A case is all the scenarios with its name, one after the other. */
static const struct scenario {
	const char *name;
	enum step steps[16];
	enum outcome outcome;
} scenarios[] = {
	/* The group is released while it is open, or after it was closed. */
	{ "vectors_in_group", { DATA, OPEN, ALLOC, RELEASE }, MANAGED_GO },
	{ "vectors_in_group", { DATA, OPEN, ALLOC, CLOSE, RELEASE }, MANAGED_GO },
	{ "vectors_and_msi_data_in_group", { OPEN, ALLOC, RELEASE }, DATA_GOES },
	{ "vectors_and_msi_data_in_group", { OPEN, ALLOC, CLOSE, RELEASE }, DATA_GOES },
	{ "vectors_before_group", { ALLOC, OPEN, ENTRY, CLOSE, RELEASE }, STAY },
	{ "vectors_after_group", { OPEN, ENTRY, CLOSE, ALLOC, RELEASE }, STAY },
	/*
	 * The vectors were allocated outside of the group, but the MSI data
	 * that they need was not.
	 */
	{ "msi_data_in_group_alone", { OPEN, DATA, CLOSE, ALLOC, RELEASE }, DATA_GOES },
	{ "freed_early_in_group", { DATA, OPEN, DATA, CLOSE, RELEASE }, NONE },
	{ "freed_early_in_group", { OPEN, DATA, CLOSE, RELEASE }, NONE },
	/* A group has nothing to do with vectors allocated after those that it once had. */
	{ "freed_early_and_allocated_elsewhere",
	  { DATA, OPEN, DATA, CLOSE, OPEN2, ALLOC, CLOSE2, RELEASE, LIVE, RELEASE2 }, MANAGED_GO },
	/* Removing a group leaves its entries to the device. */
	{ "removed_group", { OPEN, ALLOC, CLOSE, REMOVE, LIVE, DETACH }, DATA_GOES },
	{ "removed_group", { OPEN, ALLOC, REMOVE }, STAY },
	{ "group_is_left_at_detach", { OPEN, ALLOC, DETACH }, DATA_GOES },
	{ "group_is_left_at_detach", { OPEN, ALLOC, CLOSE, DETACH }, DATA_GOES },
	/* The vectors are in the inner group, which goes with the outer one... */
	{ "groups_in_groups",
	  { DATA, OPEN, OPEN2, ALLOC, CLOSE2, CLOSE, RELEASE }, MANAGED_GO },
	/* ...or in the outer group, before the inner one and after it. */
	{ "groups_in_groups",
	  { DATA, OPEN, ALLOC, OPEN2, CLOSE2, RELEASE2, LIVE, FREE,
	    OPEN2, CLOSE2, ALLOC, RELEASE2, LIVE, RELEASE }, MANAGED_GO },
	/*
	 * A managed handler in the group is released before the vectors, or
	 * without them.
	 */
	{ "handler_in_group", { DATA, OPEN, ALLOC, REQUEST, CLOSE, RELEASE }, MANAGED_GO },
	{ "handler_in_group", { ALLOC, OPEN, REQUEST, CLOSE, RELEASE }, STAY },
};

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void follow(struct kunit *test, const struct scenario *scenario)
{
	struct pci_dev *pdev = dev_of(test);
	void *group = NULL, *group2 = NULL;
	const enum step *step;
	int irq = 0;

	bind_with(test, probe_enable);
	for (step = scenario->steps; *step != END; step++) {
		switch (*step) {
		case END:
			break;
		case DATA:
			set_up_msi_data(test);
			break;
		case ALLOC:
			irq = allocate(test);
			break;
		case FREE:
			ownership_free(pdev, call_of(test));
			break;
		case REQUEST:
			KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "group",
							       pdev), 0);
			break;
		case ENTRY:
			KUNIT_ASSERT_NOT_NULL(test, devm_kzalloc(&pdev->dev, 1, GFP_KERNEL));
			break;
		case LIVE:
			expect_live(test, irq);
			break;
		case OPEN:
			group = open_group(test);
			break;
		case CLOSE:
			close_group(test, group);
			break;
		case RELEASE:
			release_group(test, group);
			break;
		case REMOVE:
			devres_remove_group(&pdev->dev, group);
			break;
		case OPEN2:
			group2 = open_group(test);
			break;
		case CLOSE2:
			close_group(test, group2);
			break;
		case RELEASE2:
			release_group(test, group2);
			break;
		case DETACH:
			detach(test);
			break;
		}
	}

	if (scenario->outcome == DATA_GOES)
		expect_safety_net(test, irq);
	else if (scenario->outcome == MANAGED_GO && makes_managed(call_of(test)))
		expect_gone(test, irq);
	else if (scenario->outcome != NONE)
		free_live(test, irq);
	finish(test);
}

static void follow_scenarios(struct kunit *test)
{
	unsigned int i, followed = 0;

	for (i = 0; i < ARRAY_SIZE(scenarios); i++) {
		if (strcmp(scenarios[i].name, test->name))
			continue;
		follow(test, &scenarios[i]);
		followed++;
	}
	KUNIT_EXPECT_GT(test, followed, 0);
}

/*
 * An entry whose vectors were freed earlier frees no other vectors when devres
 * releases it.
 */
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
	if (!makes_managed(call_of(test)))
		expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
			       type_name(test));
	free_live(test, pci_irq_vector(dev_of(test), 0));
	finish(test);
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

	/* New vectors are not in the group, and neither is new MSI data. */
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
		free_live(test, pci_irq_vector(pdev, 0));
		finish(test);
	}

	/* The MSI data is about to be released, and the vectors with it. */
	bind_with(test, probe_enable);
	group = open_group(test);
	set_up_msi_data(test);
	add_action(test);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	close_group(test, group);
	release_group(test, group);
	KUNIT_EXPECT_EQ(test, action.ret, 1);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	if (!makes_managed(action.call))
		expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
			       type_name(test));
	finish(test);
}

/* A handler outside of the group is registered on a vector in the group. */
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
	if (makes_managed(call_of(test))) {
		expect_reports(test, 1, "handler %ps on irq %d leaked by the driver, released by devres",
			       handler, irq);
		expect_gone(test, irq);
	} else {
		free_irq(irq, pdev);
		free_live(test, irq);
	}
	finish(test);
}

#define SCENARIOS(_name) {			\
	.run_case = follow_scenarios,		\
	.name = #_name,				\
	.generate_params = grouped_gen_params,	\
	.module_name = KBUILD_MODNAME,		\
}

#ifdef CONFIG_FAULT_INJECTION
/*
 * Makes the @nth memory allocation of this task fail while vectors are
 * allocated.
 */
static bool fail_memory(struct kunit *test, int nth, int *ret)
{
	bool has_failed;

	current->fail_nth = nth;
	*ret = ownership_alloc(dev_of(test), call_of(test), type_of(test));
	has_failed = !current->fail_nth;
	current->fail_nth = 0;
	return has_failed;
}
#else
static bool fail_memory(struct kunit *test, int nth, int *ret)
{
	kunit_skip(test, "memory cannot be made to fail");
	return false;
}
#endif

/*
 * In a group there is no memory for the MSI data or for the node. The next
 * allocation, outside of the group, succeeds.
 */
static void memory_fails_in_group(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int nth, irq, ret = 0, failures = 0;
	bool has_node = false;
	void *group;

	for (nth = 1; !has_node; nth++) {
		bind_with(test, probe_enable);
		group = open_group(test);
		if (!fail_memory(test, nth, &ret)) {
			ownership_free(pdev, call_of(test));
			kunit_skip(test, "failslab is not set up to fail");
		}
		close_group(test, group);
		/* Some failures have no effect. */
		if (ret == 1) {
			ownership_free(pdev, call_of(test));
			release_group(test, group);
			finish(test);
			continue;
		}
		/* The MSI core returns -ENODEV if an interrupt domain has no memory. */
		KUNIT_EXPECT_LT(test, ret, 0);
		failures++;
		has_node = pdev->irq_vectors;
		irq = allocate(test);
		release_group(test, group);
		if (has_node)
			expect_safety_net(test, irq);
		else
			ownership_free(pdev, call_of(test));
		expect_gone(test, irq);
		finish(test);
	}
	/* One of the failed allocations was that of the node. */
	KUNIT_EXPECT_GT(test, failures, 1);
}

static struct kunit_case groups_cases[] = {
	SCENARIOS(vectors_in_group),
	SCENARIOS(vectors_and_msi_data_in_group),
	SCENARIOS(vectors_before_group),
	SCENARIOS(vectors_after_group),
	SCENARIOS(msi_data_in_group_alone),
	KUNIT_CASE_PARAM(entry_without_vectors_frees_nothing, grouped_gen_params),
	SCENARIOS(freed_early_in_group),
	SCENARIOS(freed_early_and_allocated_elsewhere),
	SCENARIOS(removed_group),
	SCENARIOS(group_is_left_at_detach),
	SCENARIOS(groups_in_groups),
	KUNIT_CASE_PARAM(probe_fails_in_group, grouped_gen_params),
	KUNIT_CASE_PARAM(action_allocates_before_vectors_go, grouped_gen_params),
	KUNIT_CASE_PARAM(action_allocates_after_vectors_went, grouped_gen_params),
	SCENARIOS(handler_in_group),
	KUNIT_CASE_PARAM(handler_outside_group, grouped_gen_params),
	KUNIT_CASE_PARAM(memory_fails_in_group, grouped_gen_params),
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
