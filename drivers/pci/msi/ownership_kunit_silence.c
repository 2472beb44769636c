// SPDX-License-Identifier: GPL-2.0
/*
 * This KUnit suite tests that a device does not interrupt any more after a call
 * that should have freed its vectors was refused.
 *
 * A driver expects no interrupt after it has freed its vectors, and then frees
 * what its handlers use. So a call that is refused leaves the vectors, and
 * keeps the device from using them until they are freed and allocated anew.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/msi.h>
#include <linux/smp.h>

#include "ownership_kunit.h"

/* Each of these calls is refused, for the reason given. */
struct wrong_free {
	struct hardware hw;
	const char *name;
	enum alloc_call alloc;
	bool handled;		/* a handler is registered */
	void (*free)(struct pci_dev *pdev);
	enum { HANDLER, DEVICE_OWNS, DRIVER_OWNS } reason;
};

static void disable(struct pci_dev *pdev)
{
	/* One of the two is for the other type, and does nothing. */
	pci_disable_msi(pdev);
	pci_disable_msix(pdev);
}

static const struct wrong_free wrong_frees[] = {
	ON_ALL("explicit, pci_free under a handler", PCI_ALLOC, true, pci_free_irq_vectors,
	       HANDLER),
	ON_ALL("explicit, pci_disable under a handler", PCI_ALLOC, true, disable, HANDLER),
	ON_ALL("explicit, pcim_free under a handler", PCI_ALLOC, true, pcim_free_irq_vectors,
	       DRIVER_OWNS),
	ON_ALL("explicit, pcim_free without a handler", PCI_ALLOC, false, pcim_free_irq_vectors,
	       DRIVER_OWNS),
	ON_ALL("managed, pcim_free under a handler", PCIM_ALLOC, true, pcim_free_irq_vectors,
	       HANDLER),
	ON_ALL("managed, pci_free under a handler", PCIM_ALLOC, true, pci_free_irq_vectors,
	       DEVICE_OWNS),
	ON_ALL("managed, pci_disable under a handler", PCIM_ALLOC, true, disable, DEVICE_OWNS),
	ON_ALL("managed, pci_free without a handler", PCIM_ALLOC, false, pci_free_irq_vectors,
	       DEVICE_OWNS),
};

static void wrong_free_name(const struct wrong_free *wrong, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", wrong->hw.name, wrong->name);
}
KUNIT_ARRAY_PARAM(wrong_free, wrong_frees, wrong_free_name);

static const void *present_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ownership_gen_present(wrong_free_gen_params, test, prev, desc);
}

/* These calls are refused only because of the handler. */
static const void *handled_gen_params(struct kunit *test, const void *prev, char *desc)
{
	const struct wrong_free *next = prev;

	do {
		next = present_gen_params(test, next, desc);
	} while (next && !next->handled);
	return next;
}

/* A single vector can be freed with MSI-X only. */
static const struct hardware msix[] = { MSIX_ON_SOFT, MSIX_ON_E1000E };
KUNIT_ARRAY_PARAM_DESC(msix, msix, name);

static const void *msix_present_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ownership_gen_present(msix_gen_params, test, prev, desc);
}

static void allocate(struct kunit *test, enum alloc_call call)
{
	KUNIT_ASSERT_EQ(test, ownership_alloc(dev_of(test), call, type_of(test)), 1);
}

/* Registers a handler on the first vector, as devres-managed handlers are. */
static int request(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	int irq = pci_irq_vector(pdev, 0);

	/* A handler in a thread, as most are on PREEMPT_RT, is not waited for. */
	KUNIT_ASSERT_EQ(test, devm_request_irq(&pdev->dev, irq, source_handler, IRQF_NO_THREAD,
					       "silence", source_vector(0)), 0);
	return irq;
}

/* Makes the call that is refused, which is reported. */
static void free_wrongly(struct kunit *test, const struct wrong_free *wrong, int irq)
{
	expect_no_report(test);
	wrong->free(dev_of(test));
	switch (wrong->reason) {
	case HANDLER:
		expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
			       source_handler, irq);
		break;
	case DEVICE_OWNS:
		expect_reports(test, 1, "free refused, the device owns the %s vectors until detach",
			       type_name(test));
		break;
	case DRIVER_OWNS:
		expect_reports(test, 1, "managed free refused, the driver owns the %s vectors",
			       type_name(test));
		break;
	}
	KUNIT_EXPECT_TRUE(test, has_vectors(dev_of(test)));
	KUNIT_EXPECT_EQ(test, pci_irq_vector(dev_of(test), 0), irq);
}

static void expect_silence(struct kunit *test, const char *when)
{
	KUNIT_EXPECT_EQ_MSG(test, raise_and_count(0), 0, "late interrupts %s", when);
	KUNIT_EXPECT_TRUE_MSG(test, is_silent(test), "%s", when);
}

/* Checks that after the right free this driver and the next can allocate again. */
static void start_anew(struct kunit *test, enum alloc_call call)
{
	struct pci_dev *pdev = dev_of(test);
	enum alloc_call next;
	int irq;

	ownership_free(pdev, call);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	for (next = 0; next < ALLOC_CALLS; next += FIRST_MANAGED) {
		allocate(test, next);
		irq = request(test);
		KUNIT_EXPECT_TRUE_MSG(test, delivers(0), "after %s", ownership_call_name[next]);
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, delivers(0), "restored after %s",
				      ownership_call_name[next]);
		devm_free_irq(&pdev->dev, irq, source_vector(0));
		ownership_free(pdev, next);
		KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	}
	expect_no_report(test);
	detach(test);
	next_driver_works(test);
}

/* From the call on the device is silent, whatever happens to it. */
static void refused_free_silences(struct kunit *test)
{
	const struct wrong_free *wrong = test->param_value;
	struct pci_dev *pdev = dev_of(test);
	int irq, ret;

	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, wrong->alloc);
	irq = pci_irq_vector(pdev, 0);
	if (wrong->handled) {
		request(test);
		KUNIT_ASSERT_TRUE_MSG(test, delivers(0), "there is nothing to silence");
	}
	free_wrongly(test, wrong, irq);
	if (!wrong->handled)
		request(test);
	expect_silence(test, "after the call");

	/* The device is suspended and resumed, without powering it down and with it. */
	KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
	pci_restore_state(pdev);
	expect_silence(test, "after pci_restore_state()");
	KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
	if (!pci_set_power_state(pdev, PCI_D3hot))
		KUNIT_EXPECT_EQ(test, pci_set_power_state(pdev, PCI_D0), 0);
	pci_restore_state(pdev);
	expect_silence(test, "after D3hot");

	/* The device is reset, as through sysfs. */
	ret = pci_reset_function(pdev);
	KUNIT_EXPECT_TRUE_MSG(test, ret == 0 || ret == -ENOTTY, "reset: %d", ret);
	expect_silence(test, "after a reset");

	/* genirq masks and unmasks a vector. */
	disable_irq(irq);
	enable_irq(irq);
	expect_silence(test, "after enable_irq()");
	irq_set_affinity(irq, cpumask_of(0));
	irq_set_affinity(irq, cpu_possible_mask);
	expect_silence(test, "after irq_set_affinity()");
	devm_free_irq(&pdev->dev, irq, source_vector(0));
	request(test);
	expect_silence(test, "after another request");

	/* The same call is made once more, and an allocation. */
	free_wrongly(test, wrong, irq);
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, wrong->alloc, type_of(test)), -EBUSY);
	expect_reports(test, 1, "allocation refused, the %s owns the %s vectors that are live",
		       makes_managed(wrong->alloc) ? "device" : "driver", type_name(test));
	expect_silence(test, "after a second call");

	devm_free_irq(&pdev->dev, irq, source_vector(0));
	start_anew(test, wrong->alloc);
}

/*
 * State that was saved before the call does not enable the vectors when restored.
 * The call must work, too, when the driver has powered the device down before.
 */
static void state_saved_before_is_silent_too(struct kunit *test)
{
	static const pci_power_t states[] = { PCI_D0, PCI_D3hot };
	const struct wrong_free *wrong = test->param_value;
	struct pci_dev *pdev = dev_of(test);
	int irq, down, i;

	power_on(test);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		bind_with(test, probe_nothing);
		allocate(test, wrong->alloc);
		irq = request(test);
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		/* Not every device can be powered down. */
		down = pci_set_power_state(pdev, states[i]);
		free_wrongly(test, wrong, irq);
		if (!down)
			KUNIT_EXPECT_EQ(test, pci_set_power_state(pdev, PCI_D0), 0);
		pci_restore_state(pdev);
		expect_silence(test, pci_power_name(states[i]));
		devm_free_irq(&pdev->dev, irq, source_vector(0));
		start_anew(test, wrong->alloc);
	}
}

/* The call must work when the driver has disabled the device's memory space before. */
static void silence_needs_no_memory_space(struct kunit *test)
{
	const struct wrong_free *wrong = test->param_value;
	struct pci_dev *pdev = dev_of(test);
	u16 command;
	int irq;

	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, wrong->alloc);
	irq = request(test);
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_write_config_word(pdev, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
	free_wrongly(test, wrong, irq);
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	KUNIT_EXPECT_FALSE(test, command & PCI_COMMAND_MEMORY);
	pci_write_config_word(pdev, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	expect_silence(test, "after the call");
	devm_free_irq(&pdev->dev, irq, source_vector(0));
	start_anew(test, wrong->alloc);
}

/*
 * Counts the interrupts that arrive late while the driver is detached, or its
 * probe fails.
 */
static struct {
	struct kunit *test;
	const struct wrong_free *wrong;
	unsigned int count;
} late;

static int request_and_free(struct pci_dev *pdev)
{
	int ret = ownership_alloc(pdev, late.wrong->alloc, type_of(late.test));

	if (ret != 1)
		return ret ?: -EINVAL;
	ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), source_handler, 0, "late",
			       source_vector(0));
	if (ret)
		return ret;
	/*
	 * An interrupt that was raised while the device was silent arrives when
	 * the vector is unmasked.
	 */
	fsleep(10 * USEC_PER_MSEC);
	late.wrong->free(pdev);
	late.count = raise_and_count(0);
	return -EIO;
}

static void free_in_remove(struct pci_dev *pdev)
{
	late.wrong->free(pdev);
	late.count = raise_and_count(0);
}

static void nothing_runs_after_remove(struct kunit *test)
{
	const struct wrong_free *wrong = test->param_value;

	late.test = test;
	late.wrong = wrong;
	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, wrong->alloc);
	request(test);
	KUNIT_ASSERT_TRUE_MSG(test, delivers(0), "there is nothing to silence");
	remove_with(free_in_remove);
	late.count = -1;
	detach(test);
	KUNIT_EXPECT_EQ_MSG(test, late.count, 0, "late interrupts in remove()");

	late.count = -1;
	fail_to_bind_with(test, request_and_free);
	KUNIT_EXPECT_EQ_MSG(test, late.count, 0, "late interrupts in probe()");
	forget_reports();
	next_driver_works(test);
}

static struct {
	struct completion started;
	unsigned int cpu;
	bool returned;
} slow;

static irqreturn_t slow_handler(int irq, void *vector)
{
	slow.cpu = smp_processor_id();
	complete(&slow.started);
	mdelay(30);
	WRITE_ONCE(slow.returned, true);
	return source_handler(irq, vector);
}

/* Starts the slow handler, and returns whether it runs on another CPU. */
static bool runs_elsewhere(void)
{
	slow.returned = false;
	reinit_completion(&slow.started);
	raise_interrupt(0);
	return wait_for_completion_timeout(&slow.started, HZ) && slow.cpu != smp_processor_id();
}

/* The call returns only after a handler that was running has returned. */
static void running_handler_is_waited_for(struct kunit *test)
{
	const struct wrong_free *wrong = test->param_value;
	struct pci_dev *pdev = dev_of(test);
	int irq, tries = 10;
	bool returned;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is no other CPU for the handler to run on");
	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, wrong->alloc);
	irq = pci_irq_vector(pdev, 0);
	init_completion(&slow.started);
	KUNIT_ASSERT_EQ(test, request_irq(irq, slow_handler, IRQF_NO_THREAD, "slow",
					  source_vector(0)), 0);

	/* The thread stays on its CPU. An interrupt changes CPU when the next one arrives. */
	migrate_disable();
	irq_set_affinity(irq, cpumask_of(cpumask_any_but(cpu_online_mask, smp_processor_id())));
	while (!runs_elsewhere() && --tries)
		msleep(50);
	wrong->free(pdev);
	returned = READ_ONCE(slow.returned);
	migrate_enable();
	KUNIT_EXPECT_TRUE_MSG(test, returned, "the handler is still running");
	KUNIT_EXPECT_TRUE_MSG(test, tries, "the handler runs here only");

	msleep(50);
	free_irq(irq, source_vector(0));
	forget_reports();
	start_anew(test, wrong->alloc);
}

/* A handler does not run after the call although its interrupt was on its way. */
static void arriving_interrupt_is_not_late(struct kunit *test)
{
	const struct wrong_free *wrong = test->param_value;
	struct pci_dev *pdev = dev_of(test);
	atomic_t *seen = source_vector(0);
	unsigned int before, late = 0;
	int irq, i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is no other CPU for the interrupt to arrive at");
	power_on(test);
	bind_with(test, probe_nothing);
	for (i = 0; i < ROUNDS(50); i++) {
		allocate(test, wrong->alloc);
		irq = request(test);
		migrate_disable();
		irq_set_affinity(irq, cpumask_of(cpumask_any_but(cpu_online_mask,
								 smp_processor_id())));
		/* Wherever the first one runs, the next runs on the other CPU. */
		delivers(0);
		raise_interrupt(0);
		wrong->free(pdev);
		before = atomic_read(seen);
		migrate_enable();
		usleep_range(1000, 2000);
		late += atomic_read(seen) - before;
		lower_interrupt();
		devm_free_irq(&pdev->dev, irq, seen);
		ownership_free(pdev, wrong->alloc);
	}
	KUNIT_EXPECT_EQ_MSG(test, late, 0, "late interrupts");
	forget_reports();
	start_anew(test, wrong->alloc);
}

/* Returns whether a vector is masked in the MSI-X table. */
static bool is_masked(struct pci_dev *pdev, unsigned int vector)
{
	void __iomem *entry = pdev->msix_base + vector * PCI_MSIX_ENTRY_SIZE;

	return readl(entry + PCI_MSIX_ENTRY_VECTOR_CTRL) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/*
 * genirq masks a vector when its last handler is released, and writes its message
 * when its affinity changes. The table of a device that is silent is not written
 * to, because it may be powered down by then.
 */
static void table_of_silent_device_is_left_alone(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msi_msg msg, other;
	int irq;

	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, PCI_ALLOC);
	irq = request(test);
	KUNIT_EXPECT_FALSE(test, is_masked(pdev, 0));
	pci_free_irq_vectors(pdev);

	get_cached_msi_msg(irq, &msg);
	other = msg;
	other.data++;
	pci_write_msi_msg(irq, &other);
	KUNIT_EXPECT_EQ(test, readl(pdev->msix_base + PCI_MSIX_ENTRY_DATA), msg.data);
	pci_write_msi_msg(irq, &msg);

	devm_free_irq(&pdev->dev, irq, source_vector(0));
	KUNIT_EXPECT_FALSE(test, is_masked(pdev, 0));
	forget_reports();
	start_anew(test, PCI_ALLOC);
}

/* Skips a case on hardware whose interrupt controller does not add vectors later. */
static void need_added_vectors(struct kunit *test)
{
	if (!pci_msix_can_alloc_dyn(dev_of(test)))
		kunit_skip(test, "no vectors can be added here");
}

/* A single vector that may not be freed is masked; the others interrupt as before. */
static void refused_vector_is_masked_alone(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msi_map map;
	enum alloc_call call;
	int irq;

	need_added_vectors(test);
	power_on(test);
	for (call = 0; call < ALLOC_CALLS; call += FIRST_MANAGED) {
		bind_with(test, probe_nothing);
		allocate(test, call);
		irq = request(test);
		map = pci_msix_alloc_irq_at(pdev, 3, NULL);
		KUNIT_ASSERT_EQ(test, map.index, 3);
		KUNIT_ASSERT_EQ(test, request_irq(map.virq, source_handler, 0, "alone",
						  source_vector(3)), 0);
		KUNIT_EXPECT_TRUE(test, delivers(0));
		KUNIT_EXPECT_TRUE(test, delivers(3));

		pci_msix_free_irq(pdev, map);
		expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
			       source_handler, map.virq);
		KUNIT_EXPECT_TRUE(test, is_masked(pdev, 3));
		KUNIT_EXPECT_FALSE(test, is_masked(pdev, 0));
		KUNIT_EXPECT_EQ_MSG(test, raise_and_count(3), 0, "late interrupts");
		KUNIT_EXPECT_TRUE(test, delivers(0));
		KUNIT_EXPECT_EQ(test, pci_save_state(pdev), 0);
		pci_restore_state(pdev);
		KUNIT_EXPECT_EQ_MSG(test, raise_and_count(3), 0, "late interrupts, restored");
		KUNIT_EXPECT_TRUE(test, delivers(0));
		disable_irq(map.virq);
		enable_irq(map.virq);
		KUNIT_EXPECT_EQ_MSG(test, raise_and_count(3), 0, "late interrupts, enabled");

		/* After all were freed and allocated anew, each interrupts again. */
		free_irq(map.virq, source_vector(3));
		pci_msix_free_irq(pdev, map);
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, 3), -EINVAL);
		map = pci_msix_alloc_irq_at(pdev, 3, NULL);
		KUNIT_ASSERT_EQ(test, map.index, 3);
		KUNIT_ASSERT_EQ(test, request_irq(map.virq, source_handler, 0, "anew",
						  source_vector(3)), 0);
		KUNIT_EXPECT_TRUE(test, delivers(3));
		KUNIT_EXPECT_TRUE(test, delivers(0));
		free_irq(map.virq, source_vector(3));
		devm_free_irq(&pdev->dev, irq, source_vector(0));
		expect_no_report(test);
		start_anew(test, call);
	}
}

/*
 * The table is not written to while the device is not in D0. The vector is masked
 * when the state of the device is restored.
 */
static void refused_vector_is_masked_when_powered(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	struct msi_map map;

	need_added_vectors(test);
	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, PCI_ALLOC);
	map = pci_msix_alloc_irq_at(pdev, 3, NULL);
	KUNIT_ASSERT_EQ(test, map.index, 3);
	KUNIT_ASSERT_EQ(test, request_irq(map.virq, source_handler, 0, "powered",
					  source_vector(3)), 0);
	pdev->current_state = PCI_D3hot;
	pci_msix_free_irq(pdev, map);
	KUNIT_EXPECT_FALSE(test, is_masked(pdev, 3));
	pdev->current_state = PCI_D0;
	pci_restore_msi_state(pdev);
	KUNIT_EXPECT_TRUE(test, is_masked(pdev, 3));
	KUNIT_EXPECT_EQ_MSG(test, raise_and_count(3), 0, "late interrupts");

	free_irq(map.virq, source_vector(3));
	pci_msix_free_irq(pdev, map);
	forget_reports();
	start_anew(test, PCI_ALLOC);
}

/* The handler of a single vector does not run either if its interrupt was on its way. */
static void arriving_interrupt_of_one_vector_is_not_late(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);
	atomic_t *seen = source_vector(3);
	unsigned int before, late = 0;
	struct msi_map map;
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is no other CPU for the interrupt to arrive at");
	need_added_vectors(test);
	power_on(test);
	bind_with(test, probe_nothing);
	allocate(test, PCI_ALLOC);
	for (i = 0; i < ROUNDS(50); i++) {
		map = pci_msix_alloc_irq_at(pdev, 3, NULL);
		KUNIT_ASSERT_EQ(test, map.index, 3);
		KUNIT_ASSERT_EQ(test, request_irq(map.virq, source_handler, IRQF_NO_THREAD,
						  "one", seen), 0);
		migrate_disable();
		irq_set_affinity(map.virq, cpumask_of(cpumask_any_but(cpu_online_mask,
								      smp_processor_id())));
		delivers(3);
		raise_interrupt(3);
		pci_msix_free_irq(pdev, map);
		before = atomic_read(seen);
		migrate_enable();
		usleep_range(1000, 2000);
		late += atomic_read(seen) - before;
		lower_interrupt();
		free_irq(map.virq, seen);
		pci_msix_free_irq(pdev, map);
	}
	KUNIT_EXPECT_EQ_MSG(test, late, 0, "late interrupts");
	forget_reports();
	start_anew(test, PCI_ALLOC);
}

static struct kunit_case silence_cases[] = {
	KUNIT_CASE_PARAM(refused_free_silences, present_gen_params),
	KUNIT_CASE_PARAM(state_saved_before_is_silent_too, handled_gen_params),
	KUNIT_CASE_PARAM(silence_needs_no_memory_space, handled_gen_params),
	KUNIT_CASE_PARAM(nothing_runs_after_remove, handled_gen_params),
	KUNIT_CASE_PARAM(running_handler_is_waited_for, handled_gen_params),
	KUNIT_CASE_PARAM(arriving_interrupt_is_not_late, handled_gen_params),
	KUNIT_CASE_PARAM(table_of_silent_device_is_left_alone, msix_present_gen_params),
	KUNIT_CASE_PARAM(refused_vector_is_masked_alone, msix_present_gen_params),
	KUNIT_CASE_PARAM(refused_vector_is_masked_when_powered, msix_present_gen_params),
	KUNIT_CASE_PARAM(arriving_interrupt_of_one_vector_is_not_late, msix_present_gen_params),
	{}
};

static struct kunit_suite silence_suite = {
	.name = "pci_irq_vector_silence",
	.suite_init = ownership_suite_init,
	.suite_exit = ownership_suite_exit,
	.init = ownership_init,
	.exit = ownership_exit,
	.test_cases = silence_cases,
};
kunit_test_suite(silence_suite);
