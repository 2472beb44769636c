// SPDX-License-Identifier: GPL-2.0
/*
 * Runs random sequences of calls on functions of the software PCI bus, from binding to detach.
 * After each call the kernel has to be as a model says. Loading the module runs it:
 *
 *	modprobe pci_soft_sequences seed=1 calls=1000
 *
 * This runs one sequence, or part of it, and prints its last calls:
 *
 *	modprobe pci_soft_sequences seed=1 sequence=17 keep=0xff
 *
 * A sequence that fails is run again, each time without one of its steps, until every step that is
 * left matters. These are printed.
 */
#define pr_fmt(fmt) "# " KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/sizes.h>

#include "sequences.h"

static unsigned long long seed;
module_param(seed, ullong, 0);
MODULE_PARM_DESC(seed, "what the sequences follow from");

static unsigned int calls = 1000;
module_param(calls, uint, 0);
MODULE_PARM_DESC(calls, "how many calls to make at least");

static bool wants_all;
module_param_named(complete, wants_all, bool, 0);
MODULE_PARM_DESC(complete, "fail if something of the rule has not happened");

static int number = -1;
module_param_named(sequence, number, int, 0);
MODULE_PARM_DESC(sequence, "the only sequence to run");

static unsigned long long keep = ~0ULL;
module_param(keep, ullong, 0);
MODULE_PARM_DESC(keep, "the steps to run of each sequence, a bit for each");

#define VENDOR	0x50c0
/* Steps of a failed sequence that are printed at most. */
#define SHOWN	20

static const struct pci_soft_desc kinds[] = {
	{
		.vendor = VENDOR, .device = 0x20, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K } },
		.pm = true, .intx = true, .msi_vectors = 1,
	},
	{
		.vendor = VENDOR, .device = 0x21, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K } },
		.pm = true, .express = true, .msi_vectors = 8, .msi_maskable = true,
	},
	{
		.vendor = VENDOR, .device = 0x22, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K }, { SZ_4K } },
		.pm = true, .express = true, .intx = true, .msix_vectors = 5, .msix_bar = 1,
	},
	{
		.vendor = VENDOR, .device = 0x23, .class = PCI_CLASS_OTHERS << 16,
		.bars = { { SZ_4K }, { SZ_4K } },
		.express = true, .msi_32bit = true, .msi_vectors = 4,
		.msix_vectors = 8, .msix_bar = 1,
	},
};

/* This function is there all the time, so the bus is, too. Nothing that others do concerns it. */
static const struct pci_soft_desc neighbour_desc = {
	.vendor = VENDOR, .device = 0x2f, .class = PCI_CLASS_OTHERS << 16,
	.bars = { { SZ_4K } },
	.msi_vectors = 1,
};

static struct sequence sequence;
static unsigned long long kept;
static unsigned int made;

/* --- What happened, in words --- */

static char lines[MAX_STEPS + 8][160];
static unsigned int num_lines;
static char fault[256];

static void next_line(void)
{
	if (num_lines < ARRAY_SIZE(lines))
		lines[num_lines++][0] = '\0';
}

/* Adds to the line of the present step. */
void say(const char *format, ...)
{
	char *line = lines[num_lines - 1];
	size_t length = strlen(line);
	va_list args;

	va_start(args, format);
	vscnprintf(line + length, sizeof(lines[0]) - length, format, args);
	va_end(args);
}

/* Says what is wrong. The first fault of a sequence counts, and ends it. */
void wrong(const char *format, ...)
{
	va_list args;

	if (is_wrong())
		return;
	va_start(args, format);
	vscnprintf(fault, sizeof(fault), format, args);
	va_end(args);
}

bool is_wrong(void)
{
	return fault[0];
}

/* --- The driver --- */

/* A driver that makes no mistake, of the function that is there all the time or of another one. */
struct worker {
	bool managed;
	int irq;
	atomic_t seen;
};

static struct worker neighbour = { .managed = true }, successor;

/* What the driver is when it binds: one of these, or what runs the sequence, or nothing. */
static struct worker *worker;
static bool runs_sequence;

static irqreturn_t see(int irq, void *data)
{
	struct worker *worker = data;

	atomic_inc(&worker->seen);
	return IRQ_HANDLED;
}

static int work(struct pci_dev *pdev, struct worker *worker)
{
	const unsigned int types = PCI_IRQ_MSI | PCI_IRQ_MSIX;
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = worker->managed ? pcim_alloc_irq_vectors(pdev, 1, 1, types) :
				pci_alloc_irq_vectors(pdev, 1, 1, types);
	if (ret < 0)
		return ret;
	worker->irq = pci_irq_vector(pdev, 0);
	ret = request_irq(worker->irq, see, 0, "worker", worker);
	pci_set_drvdata(pdev, worker);
	return ret;
}

static void stop_work(struct pci_dev *pdev, struct worker *worker)
{
	free_irq(worker->irq, worker);
	if (!worker->managed)
		pci_free_irq_vectors(pdev);
}

static void expect_to_work(struct pci_soft_func *func, struct worker *worker, const char *who)
{
	int before = atomic_read(&worker->seen);

	pci_soft_raise(func, 0);
	pci_soft_flush();
	expect(who, atomic_read(&worker->seen) - before, 1);
}

static void run_phase(enum phase phase)
{
	for (int at = 0; at < sequence.count && !is_wrong(); at++) {
		const struct step *step = &sequence.steps[at];

		if (step->phase != phase || !(kept & BIT_ULL(at)))
			continue;
		next_line();
		say("%2d ", at);
		check_begin();
		make_call(step, at);
		check_step();
		/* A call that had no meaning has said nothing. */
		if (strlen(lines[num_lines - 1]) > strlen("00 "))
			made++;
		else
			num_lines--;
	}
}

/* Devres releases everything next. */
static void begin_detach(void)
{
	if (is_wrong())
		return;
	next_line();
	say("detach");
	check_begin();
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	if (worker)
		return work(pdev, worker);
	if (!runs_sequence)
		return -ENODEV;
	run_phase(IN_PROBE);
	if (sequence.ending != PROBE_FAILS)
		return 0;
	begin_detach();
	return -EIO;
}

static void remove(struct pci_dev *pdev)
{
	struct worker *worker = pci_get_drvdata(pdev);

	if (worker) {
		stop_work(pdev, worker);
		return;
	}
	run_phase(IN_REMOVE);
	begin_detach();
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(VENDOR, 0x20) },
	{ PCI_DEVICE(VENDOR, 0x21) },
	{ PCI_DEVICE(VENDOR, 0x22) },
	{ PCI_DEVICE(VENDOR, 0x23) },
	{ PCI_DEVICE(VENDOR, 0x2f) },
	{ }
};

static struct pci_driver driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

static int bind_worker(struct pci_soft_func *func, struct worker *which)
{
	int ret;

	worker = which;
	ret = device_driver_attach(&driver.driver, &pci_soft_dev(func)->dev);
	worker = NULL;
	return ret;
}

/* --- A sequence --- */

static struct pci_soft_func *neighbour_func;

/* Binds, makes the calls and detaches. Removes the function if the sequence ends like that. */
static void bind_and_detach(struct pci_soft_func *func)
{
	struct device *dev = &model.pdev->dev;
	int ret;

	runs_sequence = true;
	ret = device_driver_attach(&driver.driver, dev);
	runs_sequence = false;
	if (sequence.ending != PROBE_FAILS && !ret) {
		run_phase(WHILE_BOUND);
		if (sequence.ending == REMOVE_FUNCTION) {
			pci_soft_remove(func);
			model.func = NULL;
		} else {
			device_release_driver(dev);
		}
	}
	if (is_wrong())
		return;
	expect("probe", ret, sequence.ending == PROBE_FAILS ? -EIO : 0);
	model_detaches();
	check_step();
}

static void bind_next_driver(struct pci_soft_func *func)
{
	struct pci_dev *pdev = model.pdev;

	while (atomic_read(&pdev->enable_cnt))
		pci_disable_device(pdev);
	if (is_wrong() || model.unplugged)
		return;
	next_line();
	say("the next driver");
	successor.managed = sequence.number % 2;
	expect("probe", bind_worker(func, &successor), 0);
	if (is_wrong())
		return;
	expect_to_work(func, &successor, "interrupts of the next driver");
	device_release_driver(&pdev->dev);
	expect("devres is empty", list_empty(&pdev->dev.devres_head), true);
	happened[DID_BIND_AGAIN]++;
}

/* Returns false if something was wrong. */
static bool run_sequence(void)
{
	struct pci_soft_func *func = pci_soft_add(&kinds[sequence.kind]);
	struct pci_dev *pdev;
	unsigned int all;

	num_lines = 0;
	fault[0] = '\0';
	memset(&model, 0, sizeof(model));
	if (IS_ERR(func)) {
		wrong("there is no function: %ld", PTR_ERR(func));
		return false;
	}
	pdev = pci_dev_get(pci_soft_dev(func));
	/* A function made of software needs no time for a reset or to wake up. */
	pdev->imm_ready = 1;
	pdev->d3hot_delay = 0;
	model.func = func;
	model.pdev = pdev;
	model.desc = &kinds[sequence.kind];
	all = pci_soft_take_vectors(UINT_MAX);
	check_init();

	bind_and_detach(func);
	if (model.func) {
		bind_next_driver(func);
		pci_soft_remove(func);
	}
	next_line();
	say("in the end");
	expect_to_work(neighbour_func, &neighbour, "interrupts of another function");
	expect("free vectors of the domain", pci_soft_take_vectors(UINT_MAX), all);
	pci_dev_put(pdev);
	return !is_wrong();
}

/* Runs the sequence without one step after the other, and leaves out those that do not matter. */
static void shrink(void)
{
	kept = keep;
	if (run_sequence()) {
		pr_err("alone the sequence is right: it takes what ran before it\n");
		return;
	}
	for (int at = sequence.count - 1; at >= 0; at--) {
		if (!(kept & BIT_ULL(at)))
			continue;
		kept &= ~BIT_ULL(at);
		if (run_sequence())
			kept |= BIT_ULL(at);
	}
	run_sequence();
}

static void show(void)
{
	unsigned int first = num_lines > SHOWN ? num_lines - SHOWN : 0;

	for (unsigned int i = first; i < num_lines; i++)
		pr_err("| %s\n", lines[i]);
	if (is_wrong())
		pr_err("| %s\n", fault);
}

static void show_fault(void)
{
	char first_fault[sizeof(fault)];

	strscpy(first_fault, fault);
	shrink();
	pr_err("sequence %u of seed %llu, function %04x: %s\n", sequence.number, seed,
	       kinds[sequence.kind].device, first_fault);
	show();
	pr_err("again: modprobe " KBUILD_MODNAME " seed=%llu sequence=%u keep=%#llx\n", seed,
	       sequence.number, kept);
}

/* --- All of them --- */

static const char * const happenings[HAPPENINGS] = {
	[BUSY_DRIVER] = "busy, the driver's",
	[BUSY_DEVICE] = "busy, the device's",
	[REFUSED_DEVICE_OWNS] = "free refused, the device owns",
	[REFUSED_DRIVER_OWNS] = "free refused, the driver owns",
	[REFUSED_HANDLER] = "free refused, handler",
	[LEAKED] = "vectors leaked",
	[LEAKED_HANDLER] = "handler leaked",
	[DID_ALLOC_EXPLICIT] = "explicit allocation",
	[DID_ALLOC_MANAGED] = "managed allocation",
	[DID_FREE] = "free",
	[DID_ADD_ONE] = "vector added",
	[DID_FREE_ONE] = "vector freed alone",
	[DID_INTERRUPT] = "interrupt",
	[STAYED_SILENT] = "interrupt of a silenced device",
	[DID_ALLOC_IN_RELEASE] = "allocation while a group is released",
	[DID_REFUSE_IN_DETACH] = "allocation at detach",
	[DID_BIND_AGAIN] = "next driver",
};

/* A run that leaves out a part of the rule proves nothing about it. */
static int count_happenings(void)
{
	int ret = 0;

	for (int i = 0; i < HAPPENINGS; i++) {
		pr_info("%s: %lu\n", happenings[i], happened[i]);
		if (!happened[i] && wants_all)
			ret = -ENODATA;
	}
	return ret;
}

static int run(void)
{
	unsigned int total = 0;

	sequence.seed = seed;
	for (sequence.number = max(number, 0);; sequence.number++) {
		generate(&sequence, ARRAY_SIZE(kinds));
		made = 0;
		kept = keep;
		if (!run_sequence()) {
			show_fault();
			return -EIO;
		}
		total += made;
		if (number >= 0) {
			show();
			return 0;
		}
		if (total >= calls)
			break;
		cond_resched();
	}
	pr_info("seed=%llu sequences=%u calls=%u\n", seed, sequence.number + 1, total);
	return count_happenings();
}

static int __init sequences_init(void)
{
	int ret = pci_register_driver(&driver);

	if (ret)
		return ret;
	neighbour_func = pci_soft_add(&neighbour_desc);
	ret = PTR_ERR_OR_ZERO(neighbour_func);
	if (ret)
		goto unregister;
	ret = bind_worker(neighbour_func, &neighbour) ?: run();
	pci_soft_remove(neighbour_func);
unregister:
	pci_unregister_driver(&driver);
	return ret;
}
module_init(sequences_init);

static void __exit sequences_exit(void)
{
}
module_exit(sequences_exit);

MODULE_DESCRIPTION("Random sequences of calls on functions of the software PCI bus");
MODULE_LICENSE("GPL");
