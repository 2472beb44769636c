// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests what happens when somebody else uses the device while
 * its driver allocates and frees vectors.
 *
 * Resets and accesses through sysfs happen without the driver's knowledge.
 */

#include <linux/delay.h>
#include <linux/kthread.h>

#include "ownership_kunit.h"

/* This is what somebody else does to the device. */
struct other {
	struct hardware hw;
	const char *name;
	void (*call)(struct pci_dev *pdev);
};

/*
 * A reset begins with this. It sets a bit field of the device; msi_enabled is
 * another bit field.
 */
static void block_config_access(struct pci_dev *pdev)
{
	pci_cfg_access_lock(pdev);
	pci_cfg_access_unlock(pdev);
}

static const struct other others[] = {
	ON_BOTH("configuration space is blocked", block_config_access),
	/* A reset ends with this. */
	ON_BOTH("the state is restored", pci_restore_msi_state),
};

static void other_name(const struct other *other, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", other->hw.name, other->name);
}
KUNIT_ARRAY_PARAM(other, others, other_name);

static int call_repeatedly(void *data)
{
	struct kunit *test = data;
	const struct other *other = test->param_value;

	while (!kthread_should_stop()) {
		other->call(dev_of(test));
		cond_resched();
	}
	return 0;
}

static void stop_thread(void *thread)
{
	kthread_stop(thread);
}

/* Binds the device, and has somebody else begin. */
static struct task_struct *begin(struct kunit *test)
{
	struct task_struct *thread;

	bind_with(test, probe_enable);
	thread = kthread_run(call_repeatedly, test, "ownership_other");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_thread, thread), 0);
	return thread;
}

static void end(struct kunit *test, struct task_struct *thread)
{
	kunit_release_action(test, stop_thread, thread);
	expect_no_report(test);
	detach(test);
	next_driver_works(test);
}

static void vectors_come_and_go_meanwhile(struct kunit *test)
{
	struct task_struct *thread = begin(test);
	struct pci_dev *pdev = dev_of(test);
	unsigned int i;

	for (i = 0; i < ROUNDS(2000); i++) {
		enum alloc_call call = i % 2 ? PCI_ALLOC : PCIM_ALLOC;

		if (ownership_alloc(pdev, call, type_of(test)) != 1 || !has_vectors(pdev))
			break;
		ownership_free(pdev, call);
		if (has_vectors(pdev))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, ROUNDS(2000));
	end(test, thread);
}

/* A reset does not arm a device again that a refused free has silenced. */
static void silence_lasts_meanwhile(struct kunit *test)
{
	struct task_struct *thread = begin(test);
	struct pci_dev *pdev = dev_of(test);
	unsigned int i, armed = 0;

	for (i = 0; i < ROUNDS(500); i++) {
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, request_irq(pci_irq_vector(pdev, 0), source_handler, 0,
						  "meanwhile", source_vector(0)), 0);
		pci_free_irq_vectors(pdev);
		usleep_range(50, 100);
		armed += !is_silent(test);
		free_irq(pci_irq_vector(pdev, 0), source_vector(0));
		pci_free_irq_vectors(pdev);
	}
	KUNIT_EXPECT_EQ_MSG(test, armed, 0, "silenced, and armed again");
	forget_reports();
	end(test, thread);
}

static struct kunit_case concurrent_cases[] = {
	KUNIT_CASE_PARAM(vectors_come_and_go_meanwhile, other_gen_params),
	KUNIT_CASE_PARAM(silence_lasts_meanwhile, other_gen_params),
	{}
};

static struct kunit_suite concurrent_suite = {
	.name = "pci_irq_vector_concurrent",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = concurrent_cases,
};
kunit_test_suite(concurrent_suite);
