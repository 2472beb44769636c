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

static void vectors_come_and_go_meanwhile(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct task_struct *thread;
	unsigned int i;

	bind_with(test, probe_enable);
	thread = kthread_run(call_repeatedly, test, "ownership_other");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_thread, thread), 0);

	for (i = 0; i < ROUNDS(2000); i++) {
		enum alloc_call call = i % 2 ? PCI_ALLOC : PCIM_ALLOC;

		if (ownership_alloc(pdev, call, type_of(test)) != 1 || !has_vectors(pdev))
			break;
		ownership_free(pdev, call);
		if (has_vectors(pdev))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, ROUNDS(2000));

	kunit_release_action(test, stop_thread, thread);
	expect_no_report(test);
	detach(test);
	next_driver_works(test);
}

static const struct hardware with_msi[] = { MSI_ON_SOFT };
KUNIT_ARRAY_PARAM_DESC(msi, with_msi, name);

static bool restore_now;

/* Restores the state of the device once restore_now is set. */
static int restore_when_told(void *data)
{
	struct kunit *test = data;

	while (!READ_ONCE(restore_now) && !kthread_should_stop())
		cond_resched();
	pci_restore_msi_state(dev_of(test));
	while (!kthread_should_stop())
		cond_resched();
	return 0;
}

/*
 * A free is refused after a reset has begun to restore the state of the device, and before it
 * gets the lock. The reset leaves the device silent.
 */
static void silence_lasts_meanwhile(struct kunit *test)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct pci_dev *pdev = dev_of(test);
	struct task_struct *thread;
	u16 control;

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "there is no other CPU");
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
	WRITE_ONCE(restore_now, false);
	thread = kthread_run_on_cpu(restore_when_told, test, cpu, "ownership_other/%u");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_thread, thread), 0);

	/* Hold the lock, as pci_irq_vectors_silence() does, until the other CPU waits for it. */
	scoped_guard(raw_spinlock_irqsave, &pdev->msi_lock) {
		WRITE_ONCE(restore_now, true);
		mdelay(50);
		pdev->msi_silenced = 1;
		pci_read_config_word(pdev, pdev->msi_cap + PCI_MSI_FLAGS, &control);
		pci_write_config_word(pdev, pdev->msi_cap + PCI_MSI_FLAGS,
				      control & ~PCI_MSI_FLAGS_ENABLE);
	}
	kunit_release_action(test, stop_thread, thread);
	KUNIT_EXPECT_TRUE(test, is_silent(test));
	pci_free_irq_vectors(pdev);
	expect_no_report(test);
	detach(test);
	next_driver_works(test);
}

static struct kunit_case concurrent_cases[] = {
	KUNIT_CASE_PARAM(vectors_come_and_go_meanwhile, other_gen_params),
	KUNIT_CASE_PARAM(silence_lasts_meanwhile, msi_gen_params),
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
