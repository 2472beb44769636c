// SPDX-License-Identifier: GPL-2.0
/*
 * Compares the kernel, the function and what they say with the model after each call.
 */
#include <linux/delay.h>
#include <linux/irq.h>
#include <linux/kmsg_dump.h>

#include "sequences.h"

/* --- The reports in the kernel log --- */

static struct kmsg_dump_iter log;

static const char * const texts[REPORTS] = {
	[BUSY_DRIVER] = "irq vectors: allocation refused, the driver owns",
	[BUSY_DEVICE] = "irq vectors: allocation refused, the device owns",
	[REFUSED_DEVICE_OWNS] = "irq vectors: free refused, the device owns",
	[REFUSED_DRIVER_OWNS] = "irq vectors: managed free refused, the driver owns",
	[REFUSED_HANDLER] = "irq vectors: free refused, handler",
	[LEAKED] = "vectors leaked by the driver, freed by devres",
	[LEAKED_HANDLER] = "leaked by the driver, released by devres",
};

/* The kernel prints these when something is broken. Kernels for debugging also do on purpose. */
static const char * const troubles[] = {
	"WARNING: ", "Trying to free", "nobody cared", "BUG: ",
};

static bool is_for_debugging(void)
{
	return IS_ENABLED(CONFIG_PCI_DEVRES_RUST_DEBUG) || IS_ENABLED(CONFIG_FAULT_INJECTION);
}

static void check_reports(void)
{
	unsigned int found[REPORTS] = {};
	static char line[512];
	size_t length;
	int i;

	while (kmsg_dump_get_line(&log, false, line, sizeof(line) - 1, &length)) {
		line[length] = '\0';
		for (i = 0; i < REPORTS; i++)
			found[i] += !!strstr(line, texts[i]);
		for (i = 0; i < ARRAY_SIZE(troubles); i++)
			if (!is_for_debugging() && strstr(line, troubles[i]))
				wrong("the kernel says: %s", strim(line));
	}
	for (i = 0; i < REPORTS; i++)
		if (found[i] != model.reports[i])
			wrong("'%s': expected %u such reports, got %u", texts[i], model.reports[i],
			      found[i]);
}

/* --- Interrupts --- */

static struct {
	int least, most;
} due[MAX_HANDLERS];
/* The vectors that were pending when the step began. */
static unsigned long was_pending;

/* Says how often a handler has to be called during the step. */
void expect_count(int handler, int least, int most)
{
	due[handler].least = least;
	due[handler].most = most;
}

/*
 * Waits for the interrupts that were pending and may arrive now, because their vectors were
 * unmasked. The bus looks at masks in memory some time later. Returns those still pending.
 */
static unsigned long settle(void)
{
	unsigned long still = 0;
	unsigned int vector;

	for_each_set_bit(vector, &model.pending, MAX_VECTORS) {
		int tries = 100;

		while (pci_soft_pending(model.func, vector) && model_sends(vector) &&
		       model_has_handler(vector) && tries--)
			usleep_range(100, 200);
		if (!model_has_handler(vector) || pci_soft_pending(model.func, vector))
			still |= BIT(vector);
	}
	pci_soft_flush();
	for (int i = 0; i < MAX_HANDLERS; i++)
		if (model.handlers[i].used)
			synchronize_irq(model.handlers[i].irq);
	return still;
}

static void check_counts(void)
{
	unsigned long still = model.pending && model.func ? settle() : 0;

	for (int i = 0; i < MAX_HANDLERS; i++) {
		const struct handler *handler = &model.handlers[i];
		int count = atomic_read(&handler->seen) - handler->before, most = due[i].most;

		if (handler->used)
			most += !!(was_pending & BIT(handler->vector));
		/* The kernel itself calls a shared handler that is requested or freed. */
		if (IS_ENABLED(CONFIG_DEBUG_SHIRQ) && is_shared(handler))
			most += 2;
		if (count < due[i].least || count > most)
			wrong("%d interrupts of a handler of vector %u, %s: expected %d to %d",
			      count, handler->vector, handler->used ? "registered" : "freed",
			      due[i].least, most);
	}
	model.pending &= still;
}

/* --- Vectors --- */

/* The interrupts that the function had after the step before. */
static int known[2 * MAX_VECTORS];
static unsigned int num_known;
/* How many vectors of the domain are free while the function has none. */
static unsigned int all_free;
/* The function's vectors when those of the domain were counted. */
static unsigned long checked_vectors;

static bool is_live(int irq)
{
	unsigned int vector;

	for_each_set_bit(vector, &model.vectors, MAX_VECTORS)
		if (model.irqs[vector] == irq)
			return true;
	return false;
}

static void check_vector(unsigned int vector)
{
	int irq = pci_irq_vector(model.pdev, vector);

	if (!(model.vectors & BIT(vector))) {
		/* Without vectors the first one is INTx. */
		if (!model.owner && !vector)
			expect("pci_irq_vector(0), INTx", irq, model.pdev->irq);
		else
			expect("pci_irq_vector() of none", irq, -EINVAL);
		return;
	}
	if (irq <= 0) {
		wrong("vector %u is not there: %d", vector, irq);
		return;
	}
	if (!model.irqs[vector]) {
		if (is_live(irq))
			wrong("two vectors have irq %d", irq);
		model.irqs[vector] = irq;
		if (num_known < ARRAY_SIZE(known))
			known[num_known++] = irq;
	}
	expect("irq of a vector", irq, model.irqs[vector]);
	expect("a handler is registered", irq_has_action(irq), model_has_handler(vector));
}

static void check_vectors(void)
{
	struct pci_dev *pdev = model.pdev;
	unsigned int vector, used, kept = 0;

	expect("MSI is enabled", pdev->msi_enabled, model.type == PCI_IRQ_MSI);
	expect("MSI-X is enabled", pdev->msix_enabled, model.type == PCI_IRQ_MSIX);
	expect("silenced", pdev->msi_silenced, model.silenced);
	if (is_wrong())
		return;
	for (vector = 0; vector < MAX_VECTORS; vector++)
		check_vector(vector);
	for (unsigned int i = 0; i < num_known; i++) {
		if (!is_live(known[i]))
			expect("a freed irq exists", !!irq_get_irq_data(known[i]), false);
		else
			known[kept++] = known[i];
	}
	num_known = kept;
	if (model.vectors == checked_vectors || !model.func)
		return;
	/* This takes none, and counts. */
	used = all_free - pci_soft_take_vectors(UINT_MAX);
	expect("vectors in use", used, hweight_long(model.vectors));
	checked_vectors = model.vectors;
}

/* Returns the control word of a capability, as the function has it. */
static u16 control(u8 cap)
{
	return cap ? pci_soft_read(model.func, PCI_SOFT_CONFIG, cap) >> 16 : 0;
}

static void check_function(void)
{
	struct pci_dev *pdev = model.pdev;
	bool msi = model.type == PCI_IRQ_MSI, msix = model.type == PCI_IRQ_MSIX;
	u16 msix_control;
	u32 command;

	if (!model.func || model.unplugged || model.forgotten || pdev->current_state != PCI_D0)
		return;
	msix_control = control(pdev->msix_cap);
	expect("the function sends MSI", !!(control(pdev->msi_cap) & PCI_MSI_FLAGS_ENABLE),
	       msi && !model.silenced);
	expect("the function has MSI-X enabled", !!(msix_control & PCI_MSIX_FLAGS_ENABLE), msix);
	if (msix)
		expect("the function has all of MSI-X masked",
		       !!(msix_control & PCI_MSIX_FLAGS_MASKALL), model.silenced);
	command = pci_soft_read(model.func, PCI_SOFT_CONFIG, PCI_COMMAND);
	if (model.owner)
		expect("INTx is disabled", !!(command & PCI_COMMAND_INTX_DISABLE), true);
}

/* --- Devres --- */

static void check_devres(void)
{
	struct pci_dev *pdev = model.pdev;
	size_t count;

	scoped_guard(spinlock_irqsave, &pdev->dev.devres_lock)
		count = list_count_nodes(&pdev->dev.devres_head);
	/* The MSI data has an entry, and so has the folder msi_irqs in sysfs. */
	expect("devres entries", count, model.entries + 2 * model.has_node);
	expect("there is a node", !!pdev->irq_vectors, model.has_node);
	expect("there is MSI data", !!pdev->dev.msi.data, model.has_node);
	if (!model.func)
		return;
	expect("enabled", atomic_read(&pdev->enable_cnt), model.enabled + model_counts(ENABLED));
	for (int bar = 0; bar <= PCI_ROM_RESOURCE; bar++)
		expect("a region of a BAR is taken", !!pci_resource_n(pdev, bar)->child,
		       !bar && model_counts(REGION));
}

/* --- All of it --- */

/* A sequence begins. The function has no vectors. */
void check_init(void)
{
	num_known = 0;
	checked_vectors = 0;
	all_free = pci_soft_take_vectors(UINT_MAX);
}

/* A step begins. */
void check_begin(void)
{
	memset(model.reports, 0, sizeof(model.reports));
	memset(due, 0, sizeof(due));
	was_pending = model.pending;
	for (int i = 0; i < MAX_HANDLERS; i++)
		model.handlers[i].before = atomic_read(&model.handlers[i].seen);
	/* What was printed before does not count. */
	kmsg_dump_rewind(&log);
	log.cur_seq = log.next_seq;
}

void check_step(void)
{
	check_counts();
	check_reports();
	check_vectors();
	check_function();
	check_devres();
}
