// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests what becomes of interrupt vectors and their handlers
 * when the driver is detached.
 */

#include <linux/completion.h>
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
		expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
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

/* Each free removes from the devres list what the allocation has added. */
static void entries_do_not_add_up(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	size_t entries;
	int i;

	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	pcim_free_irq_vectors(pdev);
	/* An MSI domain, once it is set up, stays. Nothing else may be added. */
	entries = devres_entries(pdev);
	for (i = 0; i < 100; i++) {
		enum alloc_call call = i % 2 ? PCI_ALLOC : PCIM_ALLOC;

		if (ownership_alloc(pdev, call, type_of(test)) != 1)
			break;
		ownership_free(pdev, call);
	}
	KUNIT_EXPECT_EQ(test, i, 100);
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

/* During detach no call allocates, because nobody would free the vectors. */
static void nothing_is_allocated_during_detach(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	/* This action is released after the owner of the vectors... */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);

	/* ...this one before it... */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, PCIM_ALLOC, type_of(test)), 1);
	pcim_free_irq_vectors(pdev);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);

	/* ...and here no vectors have an owner. */
	prepare_action(test);
	bind_with(test, probe_enable);
	KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, alloc_action, NULL), 0);
	detach(test);
	KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);
	next_driver_works(test);
}

static void add_action(void *unused)
{
	action.ret = pci_msix_alloc_irq_at(action.pdev, 3, NULL).index;
}

/* During detach no vector can be added to the existing ones either. */
static void nothing_is_added_during_detach(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;

	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		prepare_action(test);
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, devm_add_action(&pdev->dev, add_action, NULL), 0);
		detach(test);
		KUNIT_EXPECT_EQ(test, action.ret, -ENODEV);
		next_driver_works(test);
	}
}

/* Drivers free from devm actions, in which devres cannot find any entry. */
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

	/* The device frees its own vectors later. */
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
	/* Drivers free and allocate anew when they need another number of vectors. */
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

/* This is part of the data that the driver frees in remove(). */
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
	int ret = request_irq(irq, handler, 0, "leaked", pdev);

	/* With a single CPU there is no hint to leak. */
	if (ret || !IS_ENABLED(CONFIG_SMP))
		return ret;
	return irq_set_affinity_and_hint(irq, cpumask_of(0));
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

/* Handlers that nobody frees are released by devres, whoever owns the vectors. */
static void leaked_handlers_are_contained(struct kunit *test)
{
	static int (* const leak[])(int irq, struct pci_dev *pdev) = {
		leak_plain, leak_threaded, leak_several, leak_chained, leak_hint, leak_notifier,
	};
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(leak); i++) {
		/* For further handlers one call of each owner is enough. */
		for (call = 0; call < ALLOC_CALLS; call += i ? FIRST_MANAGED : 1) {
			bind_with(test, probe_enable);
			ret = ownership_alloc(pdev, call, type_of(test));
			if (!ret) {
				detach(test);
				continue;
			}
			KUNIT_ASSERT_EQ(test, ret, 1);
			KUNIT_ASSERT_EQ(test, leak[i](pci_irq_vector(pdev, 0), pdev), 0);
			kfree(notifier);
			notifier = NULL;
			detach(test);
			next_driver_works(test);
		}
	}
}

/* This handler has a thread that goes on until the driver is gone. */
static struct {
	struct completion removed;
	unsigned int late;
	bool started;
} patient;

static irqreturn_t patient_handler(int irq, void *data)
{
	if (patient.started)
		return IRQ_NONE;
	patient.started = true;
	return IRQ_WAKE_THREAD;
}

static irqreturn_t patient_thread(int irq, void *data)
{
	wait_for_completion(&patient.removed);
	/* By now this handler is being released, which waits for its thread. */
	msleep(100);
	patient.late = raise_and_count(0);
	return IRQ_HANDLED;
}

static void remove_leaks(struct pci_dev *pdev)
{
	complete(&patient.removed);
}

/* While leaked handlers are released, one after the other, none of the others runs. */
static void contained_device_is_silent(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;
	int irq;

	power_on(test);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		init_completion(&patient.removed);
		patient.started = false;
		patient.late = -1;
		bind_with(test, probe_nothing);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		irq = pci_irq_vector(pdev, 0);
		KUNIT_ASSERT_EQ(test, request_threaded_irq(irq, patient_handler, patient_thread,
							   IRQF_SHARED, "patient", pdev), 0);
		KUNIT_ASSERT_EQ(test, request_irq(irq, source_handler, IRQF_SHARED, "other",
						  source_vector(0)), 0);
		KUNIT_EXPECT_TRUE_MSG(test, delivers(0), "there is nothing to silence");
		remove_with(remove_leaks);
		detach(test);
		KUNIT_EXPECT_EQ_MSG(test, patient.late, 0, "late interrupts");
		next_driver_works(test);
	}
}

/* A CPU has about two hundred vectors, so a leak in each round would use them up. */
static void no_cpu_vector_is_lost(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int i, rounds = ROUNDS(500);

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

/*
 * The device is unplugged before its driver is detached. Everything else is
 * cleaned up without it.
 */
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

/* After a leak, resume and reset restore no state of vectors that are gone. */
static void restored_state_is_sane(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call call;
	int ret;

	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		bind_with(test, probe_enable);
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, call, type_of(test)), 1);
		KUNIT_ASSERT_EQ(test, leak_plain(pci_irq_vector(pdev, 0), pdev), 0);
		/* The state is restored while vectors are live, as by suspend and resume... */
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		KUNIT_EXPECT_TRUE(test, has_vectors(pdev));
		detach(test);

		/* ...and after they were contained. */
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

/* Interrupts arrive while the driver, or devres at detach, frees handlers and vectors. */
static void interrupts_arrive_meanwhile(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	atomic_t *seen = source_vector(0);
	struct task_struct *thread;
	/* In User Mode Linux a software function interrupts at the next tick. */
	int i, irq, rounds = hardware_of(test)->vendor == SOFT_VENDOR ? 60 : 200;

	power_on(test);
	thread = kthread_run(storm_thread, NULL, "ownership_storm");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, thread);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, stop_thread, thread), 0);

	for (i = 0; i < rounds; i++) {
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
		case 0:		/* the driver frees in the right order */
			free_irq(irq, seen);
			ownership_free(pdev, call);
			break;
		case 1:		/* it frees too early, then in the right order */
			pci_free_irq_vectors(pdev);
			free_irq(irq, seen);
			ownership_free(pdev, call);
			break;
		case 2:		/* it does not free */
			break;
		}
		detach(test);
	}
	KUNIT_EXPECT_EQ(test, i, rounds);

	kunit_release_action(test, stop_thread, thread);
	next_driver_works(test);
}

/* These devices raise an interrupt each time they are told to. */
static const struct hardware storming[] = { MSI_ON_SOFT, MSI_ON_EDU };
KUNIT_ARRAY_PARAM_DESC(storming, storming, name);

static const void *storming_present_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ownership_gen_present(storming_gen_params, test, prev, desc);
}

static struct kunit *probing;

/*
 * A handler cannot be registered after others have been, and the error path
 * frees the vectors and leaves the managed handlers to devres, as
 * proc_thermal_pci once did.
 */
static int second_request_fails(struct pci_dev *pdev)
{
	int irq;

	if (ownership_alloc(pdev, PCI_ALLOC, type_of(probing)) != 1)
		return -ENOSPC;
	irq = pci_irq_vector(pdev, 0);
	KUNIT_EXPECT_EQ(probing, devm_request_irq(&pdev->dev, irq, handler, 0, "first", pdev), 0);
	KUNIT_EXPECT_EQ(probing, devm_request_irq(&pdev->dev, irq, handler, 0, "next", probing),
			-EBUSY);
	pci_free_irq_vectors(pdev);
	expect_reports(probing, 1, "free refused, handler %ps is registered on irq %d", handler,
		       irq);
	KUNIT_EXPECT_TRUE(probing, is_silent(probing));
	return -EIO;
}

static void request_fails_in_probe(struct kunit *test)
{
	probing = test;
	fail_to_bind_with(test, second_request_fails);
	expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
		       type_name(test));
	next_driver_works(test);
}

static int irq_of_probe;

/*
 * Something fails after the handler has been registered, and nobody releases
 * the handler before devres frees the vectors, as in qat for the 6xxx devices.
 */
static int fail_under_handler(struct pci_dev *pdev)
{
	if (ownership_alloc(pdev, PCIM_ALLOC, type_of(probing)) != 1)
		return -ENOSPC;
	irq_of_probe = pci_irq_vector(pdev, 0);
	KUNIT_EXPECT_EQ(probing, request_irq(irq_of_probe, handler, 0, "probe", pdev), 0);
	return -EIO;
}

static void probe_fails_under_handler(struct kunit *test)
{
	probing = test;
	irq_of_probe = 0;
	fail_to_bind_with(test, fail_under_handler);
	expect_reports(test, 1, "handler %ps on irq %d leaked by the driver, released by devres",
		       handler, irq_of_probe);
	next_driver_works(test);
}

static struct kunit_case detach_cases[] = {
	KUNIT_CASE_PARAM(detach_frees_managed, ownership_gen_params),
	KUNIT_CASE_PARAM(detach_frees_leaked_explicit, ownership_gen_params),
	KUNIT_CASE_PARAM(failed_probe_frees_managed, ownership_gen_params),
	KUNIT_CASE_PARAM(request_fails_in_probe, ownership_gen_params),
	KUNIT_CASE_PARAM(probe_fails_under_handler, ownership_gen_params),
	KUNIT_CASE_PARAM(entries_do_not_add_up, ownership_gen_params),
	KUNIT_CASE_PARAM(nothing_is_allocated_during_detach, ownership_gen_params),
	KUNIT_CASE(nothing_is_added_during_detach),
	KUNIT_CASE_PARAM(free_while_devres_releases, ownership_gen_params),
	KUNIT_CASE_PARAM(handlers_go_before_vectors, ownership_gen_params),
	KUNIT_CASE_PARAM(leaked_handlers_are_contained, ownership_gen_params),
	KUNIT_CASE_PARAM(contained_device_is_silent, ownership_gen_params),
	KUNIT_CASE_PARAM(no_cpu_vector_is_lost, ownership_gen_all),
	KUNIT_CASE_PARAM(removed_device_is_not_touched, ownership_gen_params),
	KUNIT_CASE_PARAM(restored_state_is_sane, ownership_gen_params),
	KUNIT_CASE_PARAM(interrupts_arrive_meanwhile, storming_present_gen_params),
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
