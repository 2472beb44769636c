// SPDX-License-Identifier: GPL-2.0
/*
 * The calls. Each one is made on the function, and then in the model.
 */
#include <linux/msi.h>

#include "sequences.h"

/* --- What is scarce --- */

static bool can_fail(enum call call)
{
	switch (call) {
	case ALLOC:
	case ALLOC_MANAGED:
	case ENABLE_MSI:
	case ENABLE_MSIX_RANGE:
	case ADD_ONE:
	case REQUEST:
	case ENABLE_DEVICE_MANAGED:
	case REQUEST_REGION:
	case ADD_ACTION:
	case GROUP_OPEN:
		return true;
	default:
		return false;
	}
}

/* Returns whether something is scarce now. Memory is only on a kernel with CONFIG_FAILSLAB. */
static bool begin_scarcity(const struct step *step)
{
	if (!can_fail(step->call))
		return false;
	if (step->fault == FAULT_VECTORS) {
		say("[%u vectors left] ", step->scarce);
		pci_soft_take_vectors(step->scarce);
		return true;
	}
#ifdef CONFIG_FAULT_INJECTION
	if (step->fault == FAULT_MEMORY) {
		say("[memory allocation %u fails] ", step->scarce);
		current->fail_nth = step->scarce;
		return true;
	}
#endif
	return false;
}

static void end_scarcity(void)
{
#ifdef CONFIG_FAULT_INJECTION
	current->fail_nth = 0;
#endif
	pci_soft_give_vectors();
}

/* A call that cannot have what it needs may fail, or settle for less. */
static void expect_result(int ret, int expected, bool scarce)
{
	if (!scarce || expected < 0)
		expect("result", ret, expected);
	else if (ret > expected)
		wrong("expected %d at most, got %d", expected, ret);
}

/* --- Vectors --- */

static int nth_bit(unsigned long bits, u32 n)
{
	unsigned int bit;

	n %= max(hweight_long(bits), 1UL);
	for_each_set_bit(bit, &bits, MAX_VECTORS)
		if (!n--)
			return bit;
	return -1;
}

/* Tells the model which vectors were allocated. */
static void adopt(enum owner owner, int ret, unsigned long vectors)
{
	struct pci_dev *pdev = model.pdev;
	unsigned int type = pdev->msix_enabled ? PCI_IRQ_MSIX : pdev->msi_enabled ? PCI_IRQ_MSI : 0;

	if (model.owner)
		return;
	if (ret > 0 && type)
		model_allocates(owner, type, vectors);
	else if (pdev->irq_vectors)
		model_sets_up();
}

static void alloc(const struct step *step, bool scarce)
{
	static const struct {
		unsigned int flags;
		const char *name;
	} types[] = {
		{ PCI_IRQ_MSI, "MSI" },
		{ PCI_IRQ_MSIX, "MSI-X" },
		{ PCI_IRQ_MSI | PCI_IRQ_MSIX, "MSI or MSI-X" },
		{ PCI_IRQ_ALL_TYPES, "any type" },
		{ PCI_IRQ_INTX, "INTx" },
		{ PCI_IRQ_ALL_TYPES | PCI_IRQ_AFFINITY, "any type, spread" },
	};
	static const unsigned int mins[] = { 1, 1, 1, 1, 1, 1, 2, 3, 0, 9 };
	static const unsigned int maxs[] = { 1, 1, 2, 3, 4, 5, 8, 8, 8, 64, 0 };
	unsigned int type = step->a % ARRAY_SIZE(types), flags = types[type].flags;
	unsigned int min = mins[step->b % ARRAY_SIZE(mins)];
	unsigned int max = maxs[step->c % ARRAY_SIZE(maxs)];
	bool managed = step->call == ALLOC_MANAGED;
	int ret, expected;

	/* Reads of a function that is gone say that it has many. */
	if (model.unplugged)
		max = min(max, MAX_VECTORS);
	expected = model_expects(flags, min, max);
	say("%s(%u, %u, %s)", managed ? "pcim_alloc_irq_vectors" : "pci_alloc_irq_vectors",
	    min, max, types[type].name);
	if (managed)
		ret = pcim_alloc_irq_vectors(model.pdev, min, max, flags);
	else
		ret = pci_alloc_irq_vectors(model.pdev, min, max, flags);
	say(" = %d", ret);
	if (model.owner || !model.unplugged)
		expect_result(ret, expected, scarce && !model.owner);
	adopt(managed ? DEVICE : DRIVER, ret, ret > 0 ? GENMASK(ret - 1, 0) : 0);
}

static void enable_msi(bool scarce)
{
	int expected = model_expects(PCI_IRQ_MSI, 1, 1);
	int ret = pci_enable_msi(model.pdev);

	say("pci_enable_msi() = %d", ret);
	if (!ret)
		ret = 1;
	if (model.owner || !model.unplugged)
		expect_result(ret, expected, scarce && !model.owner);
	adopt(DRIVER, ret, 1);
}

/* The entries need not be in order, and there may be gaps. */
static void enable_msix_range(const struct step *step, bool scarce)
{
	unsigned int has = model.desc->msix_vectors ?: MAX_VECTORS;
	unsigned int count = 1 + step->a % has, first = step->b, i;
	unsigned int least = 1 + step->c % count;
	struct msix_entry entries[MAX_VECTORS];
	unsigned long vectors = 0;
	int ret, expected;

	for (i = 0; i < count; i++)
		entries[i] = (struct msix_entry) { .entry = (first + has - i) % has };
	expected = model_expects(PCI_IRQ_MSIX, least, count);
	say("pci_enable_msix_range(entries from %u down, %u, %u)", first % has, least, count);
	ret = pci_enable_msix_range(model.pdev, entries, least, count);
	say(" = %d", ret);
	if (model.owner || !model.unplugged)
		expect_result(ret, expected, scarce && !model.owner);
	for (i = 0; (int)i < ret; i++)
		vectors |= BIT(entries[i].entry);
	adopt(DRIVER, ret, vectors);
}

static void add_one(const struct step *step, bool scarce)
{
	unsigned int index = step->a % 3 ? step->b % MAX_VECTORS : MSI_ANY_INDEX;
	unsigned int wanted = index == MSI_ANY_INDEX ? ffz(model.vectors) : index;
	struct msi_map map = pci_msix_alloc_irq_at(model.pdev, index, NULL);

	say("pci_msix_alloc_irq_at(%d) = %d", (int)index, map.index);
	if (model.type != PCI_IRQ_MSIX) {
		expect("index", map.index, -ENOTSUPP);
		return;
	}
	if (wanted >= model.desc->msix_vectors || model.vectors & BIT(wanted)) {
		if (map.index >= 0)
			wrong("there is no vector to add");
		return;
	}
	if (scarce && map.index < 0)
		return;
	expect("index", map.index, wanted);
	expect("irq", map.virq, pci_irq_vector(model.pdev, wanted));
	model.vectors |= BIT(wanted);
	model.irqs[wanted] = 0;
	happened[DID_ADD_ONE]++;
}

static void free_one(const struct step *step)
{
	int vector = nth_bit(model.vectors, step->a);
	struct msi_map map = { .index = vector };

	if (vector < 0 || model.type != PCI_IRQ_MSIX)
		return;
	map.virq = pci_irq_vector(model.pdev, vector);
	say("pci_msix_free_irq(%d)", vector);
	pci_msix_free_irq(model.pdev, map);
	model_frees_one(vector);
}

/* --- Handlers --- */

static irqreturn_t count(int irq, void *data)
{
	struct handler *handler = data;

	atomic_inc(&handler->seen);
	return IRQ_HANDLED;
}

static int request_way(struct handler *handler)
{
	switch (handler->way) {
	case PLAIN:
		return request_irq(handler->irq, count, 0, "sequences", handler);
	case SHARED:
		return request_irq(handler->irq, count, IRQF_SHARED, "sequences", handler);
	case THREADED:
		return request_threaded_irq(handler->irq, NULL, count, IRQF_ONESHOT, "sequences",
					    handler);
	case DEVM:
		return devm_request_irq(&model.pdev->dev, handler->irq, count, 0, "sequences",
					handler);
	default:
		return pci_request_irq(model.pdev, handler->vector, count, NULL, handler,
				       "sequences");
	}
}

static void free_way(struct handler *handler)
{
	switch (handler->way) {
	case DEVM:
		devm_free_irq(&model.pdev->dev, handler->irq, handler);
		break;
	case PCI_IRQ:
		pci_free_irq(model.pdev, handler->vector, handler);
		break;
	default:
		free_irq(handler->irq, handler);
	}
}

static const char * const ways[WAYS] = { "plain", "shared", "threaded", "devm", "pci_request_irq" };

/* Several handlers can be on a vector if all are shared. */
static int expected_request(const struct handler *new)
{
	for (int i = 0; i < MAX_HANDLERS; i++) {
		const struct handler *old = &model.handlers[i];

		if (old->used && old->vector == new->vector && !(is_shared(old) && is_shared(new)))
			return -EBUSY;
	}
	return 0;
}

static void request(const struct step *step, bool scarce)
{
	int vector = nth_bit(model.vectors, step->a), slot = 0, ret, expected;
	struct handler *handler;

	while (slot < MAX_HANDLERS && model.handlers[slot].used)
		slot++;
	if (vector < 0 || slot == MAX_HANDLERS)
		return;
	handler = &model.handlers[slot];
	handler->vector = vector;
	handler->irq = pci_irq_vector(model.pdev, vector);
	handler->way = step->b % WAYS;
	expected = expected_request(handler);
	say("request, %s, vector %d", ways[handler->way], vector);
	ret = request_way(handler);
	say(" = %d", ret);
	expect_result(ret, expected, scarce);
	if (ret)
		return;
	/* Nothing is promised of a vector that was silenced alone when it gets another handler. */
	if (model.alone & BIT(vector) && !model_has_handler(vector))
		model.unsure |= BIT(vector);
	if (model.type == PCI_IRQ_MSI && !vector)
		model.unsure = 0;
	handler->used = true;
	if (handler->way == DEVM)
		model_adds(HANDLER, slot);
}

static void free_handler(const struct step *step)
{
	int slot = step->a % MAX_HANDLERS, tries = MAX_HANDLERS;
	struct handler *handler;

	while (!model.handlers[slot].used && tries--)
		slot = (slot + 1) % MAX_HANDLERS;
	handler = &model.handlers[slot];
	if (!handler->used)
		return;
	say("free handler, %s, vector %u", ways[handler->way], handler->vector);
	free_way(handler);
	model_frees_handler(slot);
	if (handler->way == DEVM)
		model_removes(HANDLER, slot);
}

/* Mostly chooses a vector that has a handler. */
static unsigned int vector_to_raise(const struct step *step)
{
	unsigned int vector;

	if (step->b % 8)
		for (int i = 0; i < MAX_HANDLERS; i++)
			if (model.handlers[(step->a + i) % MAX_HANDLERS].used)
				return model.handlers[(step->a + i) % MAX_HANDLERS].vector;
	vector = step->a % MAX_VECTORS;
	/* A function sends the messages of MSI vectors that it has. */
	if (model.type == PCI_IRQ_MSI && !(model.vectors & BIT(vector)))
		vector = nth_bit(model.vectors, step->a);
	return vector;
}

static void raise(const struct step *step)
{
	unsigned int vector = vector_to_raise(step);
	bool sends = model_sends(vector), unsure = model.unsure & BIT(vector), arrives = false;

	if (!model.func)
		return;
	say("raise %u", vector);
	pci_soft_raise(model.func, vector);
	pci_soft_flush();
	for (int i = 0; i < MAX_HANDLERS; i++) {
		const struct handler *handler = &model.handlers[i];

		if (!handler->used || handler->vector != vector)
			continue;
		/* This waits for a thread, too. */
		synchronize_irq(handler->irq);
		expect_count(i, sends && !unsure, unsure ? 2 : sends);
		arrives = true;
		happened[DID_INTERRUPT] += sends;
		happened[STAYED_SILENT] += model.silenced;
	}
	pci_soft_lower(model.func);
	if (!model.silenced && (!arrives || model.alone & BIT(vector)))
		model.pending |= BIT(vector);
}

static void toggle_irq(const struct step *step)
{
	int vector = nth_bit(model.vectors, step->a), irq;

	if (vector < 0)
		return;
	irq = pci_irq_vector(model.pdev, vector);
	say("disable_irq() and enable_irq() of vector %d", vector);
	disable_irq(irq);
	enable_irq(irq);
}

static void set_affinity(const struct step *step)
{
	int vector = nth_bit(model.vectors, step->a), ret;
	unsigned int cpu = step->b % num_online_cpus();

	if (vector < 0)
		return;
	ret = irq_set_affinity(pci_irq_vector(model.pdev, vector), cpumask_of(cpu));
	say("irq_set_affinity(vector %d, CPU %u) = %d", vector, cpu, ret);
}

/* --- Devres --- */

static void act(void *data)
{
	struct action *action = data;

	switch (action->does) {
	case ACT_FREE:
		pci_free_irq_vectors(action->pdev);
		break;
	case ACT_FREE_MANAGED:
		pcim_free_irq_vectors(action->pdev);
		break;
	case ACT_ALLOC:
		if (!model.unplugged)
			action->ret = pci_alloc_irq_vectors(action->pdev, 1, 1,
							    PCI_IRQ_MSI | PCI_IRQ_MSIX);
		break;
	default:
		if (!model.unplugged)
			action->ret = pcim_alloc_irq_vectors(action->pdev, 1, 1,
							     PCI_IRQ_MSI | PCI_IRQ_MSIX);
	}
}

static void add_action(const struct step *step, int at, bool scarce)
{
	static const char * const does[ACTS] = { "free", "managed free", "alloc", "managed alloc" };
	struct action *action = &model.actions[at];
	int ret;

	*action = (struct action) { .does = step->a % ACTS, .pdev = model.pdev };
	ret = devm_add_action(&model.pdev->dev, act, action);
	say("devm_add_action(%s) = %d", does[action->does], ret);
	expect_result(ret, 0, scarce);
	if (!ret)
		model_adds(ACTION, at);
}

static void group(const struct step *step)
{
	/* A group's address is its id. */
	static char ids[GROUPS];
	struct device *dev = &model.pdev->dev;
	int group = step->a % GROUPS;
	bool exists;

	if (step->call == GROUP_CLOSE)
		group = model_newest_open();
	if (group < 0)
		return;
	exists = model_finds(OPENED, group) >= 0;
	if (exists != (step->call != GROUP_OPEN))
		return;
	switch (step->call) {
	case GROUP_OPEN:
		say("devres_open_group(%d)", group);
		if (devres_open_group(dev, &ids[group], GFP_KERNEL))
			model_adds(OPENED, group);
		break;
	case GROUP_CLOSE:
		say("devres_close_group(%d)", group);
		devres_close_group(dev, &ids[group]);
		model_adds(CLOSED, group);
		break;
	case GROUP_RELEASE:
		if (!model_can_release(group))
			break;
		say("devres_release_group(%d)", group);
		devres_release_group(dev, &ids[group]);
		model_releases(group);
		break;
	default:
		say("devres_remove_group(%d)", group);
		devres_remove_group(dev, &ids[group]);
		model_removes(OPENED, group);
		model_removes(CLOSED, group);
	}
}

/* --- The device --- */

static void enable_device(bool managed, bool scarce)
{
	int ret = managed ? pcim_enable_device(model.pdev) : pci_enable_device(model.pdev);

	say("%s() = %d", managed ? "pcim_enable_device" : "pci_enable_device", ret);
	if (!model.unplugged)
		expect_result(ret, 0, scarce);
	if (!ret && managed)
		model_adds(ENABLED, 0);
	model.enabled += !ret && !managed;
}

static void take_region(bool scarce)
{
	int ret = pcim_request_region(model.pdev, 0, "sequences");

	say("pcim_request_region() = %d", ret);
	expect_result(ret, model_counts(REGION) ? -EBUSY : 0, scarce && !model_counts(REGION));
	if (!ret)
		model_adds(REGION, 0);
}

/* Resets the function. In probe and remove the driver core holds the device's lock. */
static void reset(enum phase phase)
{
	int ret = phase == WHILE_BOUND ? pci_reset_function(model.pdev) :
					 pci_reset_function_locked(model.pdev);

	say("reset = %d", ret);
	expect("reset", ret, 0);
	model.forgotten = false;
}

/* Calls that make no sense when the function has been pulled out. */
static void change_state(const struct step *step)
{
	struct pci_dev *pdev = model.pdev;
	bool is_on = pdev->current_state == PCI_D0;
	pci_power_t state = step->a % 2 ? PCI_D3hot : PCI_D0;

	if (model.unplugged)
		return;
	switch (step->call) {
	case SAVE_STATE:
		if (!is_on)
			return;
		say("pci_save_state()");
		expect("pci_save_state()", pci_save_state(pdev), 0);
		model.saved = true;
		break;
	case RESTORE_STATE:
		if (!is_on || !model.saved)
			return;
		say("pci_restore_state()");
		pci_restore_state(pdev);
		model.forgotten = false;
		break;
	case SET_POWER_STATE:
		say("pci_set_power_state(%s) = %d", pci_power_name(state),
		    pci_set_power_state(pdev, state));
		break;
	case RESET:
		reset(step->phase);
		break;
	default:
		say("unplug");
		pci_soft_unplug(model.func);
		model.unplugged = true;
		/* Some are told, and others notice by themselves. */
		if (step->a % 2)
			pdev->error_state = pci_channel_io_perm_failure;
	}
}

void make_call(const struct step *step, int at)
{
	struct pci_dev *pdev = model.pdev;
	bool was_off = pdev->current_state == PCI_D3hot;
	bool scarce = begin_scarcity(step);

	switch (step->call) {
	case ALLOC:
	case ALLOC_MANAGED:
		alloc(step, scarce);
		break;
	case ENABLE_MSI:
		enable_msi(scarce);
		break;
	case ENABLE_MSIX_RANGE:
		enable_msix_range(step, scarce);
		break;
	case FREE:
		say("pci_free_irq_vectors()");
		pci_free_irq_vectors(pdev);
		model_frees(DRIVER);
		break;
	case FREE_MANAGED:
		say("pcim_free_irq_vectors()");
		pcim_free_irq_vectors(pdev);
		model_frees(DEVICE);
		break;
	case DISABLE_MSI:
		say("pci_disable_msi()");
		pci_disable_msi(pdev);
		if (model.type == PCI_IRQ_MSI)
			model_frees(DRIVER);
		break;
	case DISABLE_MSIX:
		say("pci_disable_msix()");
		pci_disable_msix(pdev);
		if (model.type == PCI_IRQ_MSIX)
			model_frees(DRIVER);
		break;
	case ADD_ONE:
		add_one(step, scarce);
		break;
	case FREE_ONE:
		free_one(step);
		break;
	case REQUEST:
		request(step, scarce);
		break;
	case FREE_HANDLER:
		free_handler(step);
		break;
	case RAISE:
		raise(step);
		break;
	case TOGGLE_IRQ:
		toggle_irq(step);
		break;
	case SET_AFFINITY:
		set_affinity(step);
		break;
	case ENABLE_DEVICE:
	case ENABLE_DEVICE_MANAGED:
		enable_device(step->call == ENABLE_DEVICE_MANAGED, scarce);
		break;
	case DISABLE_DEVICE:
		if (!model.enabled)
			break;
		say("pci_disable_device()");
		pci_disable_device(pdev);
		model.enabled--;
		break;
	case SET_MASTER:
		say("pci_set_master()");
		pci_set_master(pdev);
		break;
	case REQUEST_REGION:
		take_region(scarce);
		break;
	case ADD_ACTION:
		add_action(step, at, scarce);
		break;
	case GROUP_OPEN:
	case GROUP_CLOSE:
	case GROUP_RELEASE:
	case GROUP_REMOVE:
		group(step);
		break;
	default:
		change_state(step);
	}
	end_scarcity();
	/* A function that leaves D3hot has lost its state. */
	if (was_off && pdev->current_state == PCI_D0 && step->call != RESET && model.owner)
		model.forgotten = true;
}
