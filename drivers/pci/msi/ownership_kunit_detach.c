// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership: what becomes of vectors and
 * handlers when the driver is detached.
 */

#include <linux/delay.h>
#include <linux/irq.h>
#include <linux/kthread.h>

#include "ownership_kunit.h"

static void detach_frees_managed(struct kunit *test)
{
	enum alloc_call call;

	for (call = FIRST_MANAGED; call < ALLOC_CALLS; call++) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(dev_of(test), call, type_of(test)), 1);
		detach(test);
	}
	expect_no_report(test);
	next_driver_works(test);
}

static void detach_frees_leaked_explicit(struct kunit *test)
{
	enum alloc_call call;

	for (call = 0; call < FIRST_MANAGED; call++) {
		bind_with(test, probe_enable);
		if (!ownership_alloc(dev_of(test), call, type_of(test))) {
			detach(test);
			continue;
		}
		KUNIT_EXPECT_TRUE_MSG(test, has_vectors(dev_of(test)), "%s",
				      ownership_call_name[call]);
		detach(test);
		expect_reports(test, 1, "%s vectors leaked by the driver, freed at detach",
			       type_name(test));
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
	fail_to_bind_with(test, probe_managed_then_fail);
	expect_no_report(test);
	next_driver_works(test);
}

/* What an allocation adds to the devres list goes with the vectors, every time. */
static void entries_do_not_add_up(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	size_t entries;
	int i;

	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	pcim_free_irq_vectors(pdev);
	/* An MSI domain that is set up once stays; nothing else may be added. */
	entries = devres_entries(pdev);
	for (i = 0; i < 1000; i++) {
		enum alloc_call call = i % 2 ? PCI_ALLOC : PCIM_ALLOC;

		if (ownership_alloc(pdev, call, type_of(test)) != 1)
			break;
		ownership_free(pdev, call);
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
	action.was_live = has_vectors(action.pdev);
	pci_free_irq_vectors(action.pdev);
	action.is_live = has_vectors(action.pdev);
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
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);

	/* ...before it... */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
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
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, action.was_live);
	KUNIT_EXPECT_FALSE(test, action.is_live);

	/* What the device owns it frees itself, later. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_TRUE(test, action.was_live);
	KUNIT_EXPECT_TRUE(test, action.is_live);

	/* An action registered before the first allocation finds them gone. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, free_action, NULL), 0);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), 1);
	detach(test);
	KUNIT_EXPECT_FALSE(test, action.was_live);
	next_driver_works(test);
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
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "first", pdev), 0);
	/* Free and allocate anew, as drivers do when they change their mind. */
	devm_free_irq(&pdev->dev, irq, pdev);
	pcim_free_irq_vectors(pdev);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC_AFFINITY, type_of(test)), 1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, handler, 0, "second", pdev), 0);
	detach(test);
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

static void affinity_release(struct kref *ref)
{
}

/* Part of a driver's data, which the driver frees in remove(). */
static struct irq_affinity_notify *notifier;

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
	notifier = kzalloc_obj(*notifier);
	if (!notifier)
		return -ENOMEM;
	notifier->notify = affinity_notify;
	notifier->release = affinity_release;
	return request_irq(irq, handler, 0, "leaked", pdev) ?:
	       irq_set_affinity_notifier(irq, notifier);
}

/* Handlers that nobody frees are released at detach, whoever owns the vectors. */
static void leaked_handlers_are_contained(struct kunit *test)
{
	static int (* const leak[])(int irq, struct pci_dev *pdev) = {
		leak_plain, leak_threaded, leak_several, leak_chained, leak_hint, leak_notifier,
	};
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(leak); i++) {
		/* One call of each owner is enough for all but the first. */
		for (call = 0; call < ALLOC_CALLS; call += i ? FIRST_MANAGED : 1) {
			bind_with(test, probe_enable);
			if (!ownership_alloc(pdev, call, type_of(test))) {
				detach(test);
				continue;
			}
			KUNIT_ASSERT_EQ(test, leak[i](pci_irq_vector(pdev, 0), pdev), 0);
			kfree(notifier);
			notifier = NULL;
			detach(test);
			next_driver_works(test);
		}
	}
}

/* The CPUs have some two hundred vectors each: none may get lost. */
static void no_cpu_vector_is_lost(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	/* Each round reports, and with stack traces that takes its time. */
	int i, rounds = IS_ENABLED(CONFIG_PCI_DEVRES_RUST_DEBUG) ? 20 : 1000;

	for (i = 0; i < rounds; i++) {
		bind_with(test, probe_nothing);
		if (ownership_alloc(pdev, PCI_ALLOC, type_of(test)) != 1 ||
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
	enum alloc_call call;

	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
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
	enum alloc_call call;
	int ret;

	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, leak_plain(pci_irq_vector(pdev, 0), pdev), 0);
		/* With vectors, as in suspend and resume... */
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		detach(test);

		/* ...and when they have been taken away. */
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		ret = pci_reset_function(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, ret == 0 || ret == -ENOTTY, "reset: %d", ret);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
		next_driver_works(test);
	}
}

static void stop_thread(void *thread)
{
	kthread_stop(thread);
}

static int storm_thread(void *unused)
{
	while (!kthread_should_stop()) {
		raise_interrupt(0);
		usleep_range(20, 50);
	}
	return 0;
}

/* Interrupts arrive while handlers and vectors are freed, by the driver and at detach. */
static void interrupts_arrive_meanwhile(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	atomic_t *seen = source_vector(0);
	struct task_struct *thread;
	int i, irq;

	power_on(test);
	thread = kthread_run(storm_thread, NULL, "ownership_storm");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_thread, thread), 0);

	for (i = 0; i < 200; i++) {
		enum alloc_call call = i & 1 ? PCI_ALLOC : PCIM_ALLOC;
		int before = atomic_read(seen);
		int tries = 1000;

		bind_with(test, probe_nothing);
		if (ownership_alloc(pdev, call, PCI_IRQ_MSI) != 1)
			break;
		irq = pci_irq_vector(pdev, 0);
		if (request_irq(irq, source_handler, 0, "storm", seen))
			break;
		while (atomic_read(seen) == before && --tries)
			usleep_range(50, 100);
		if (!tries)
			break;
		switch (i / 2 % 3) {
		case 0:		/* properly */
			free_irq(irq, seen);
			ownership_free(pdev, call);
			break;
		case 1:		/* too early, and then properly */
			pci_free_irq_vectors(pdev);
			free_irq(irq, seen);
			ownership_free(pdev, call);
			break;
		case 2:		/* not at all */
			break;
		}
		detach(test);
	}
	KUNIT_EXPECT_EQ(test, i, 200);

	kunit_release_action(test, stop_thread, thread);
	next_driver_works(test);
}

/* edu alone, which interrupts as often as it is told to. */
static const struct hardware edu[] = { MSI_ON_EDU };
KUNIT_ARRAY_PARAM_DESC(edu, edu, name);

static struct kunit_case detach_cases[] = {
	KUNIT_CASE_PARAM(detach_frees_managed, ownership_gen_params),
	KUNIT_CASE_PARAM(detach_frees_leaked_explicit, ownership_gen_params),
	KUNIT_CASE_PARAM(failed_probe_frees_managed, ownership_gen_params),
	KUNIT_CASE_PARAM(entries_do_not_add_up, ownership_gen_params),
	KUNIT_CASE_PARAM(nothing_is_allocated_during_detach, ownership_gen_params),
	KUNIT_CASE_PARAM(free_while_devres_releases, ownership_gen_params),
	KUNIT_CASE_PARAM(handlers_go_before_vectors, ownership_gen_params),
	KUNIT_CASE_PARAM(leaked_handlers_are_contained, ownership_gen_params),
	KUNIT_CASE_PARAM(no_cpu_vector_is_lost, ownership_gen_params),
	KUNIT_CASE_PARAM(removed_device_is_not_touched, ownership_gen_params),
	KUNIT_CASE_PARAM(restored_state_is_sane, ownership_gen_params),
	KUNIT_CASE_PARAM(interrupts_arrive_meanwhile, edu_gen_params),
	{}
};

static struct kunit_suite detach_suite = {
	.name = "pci_irq_vector_detach",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = detach_cases,
};
kunit_test_suite(detach_suite);
