// SPDX-License-Identifier: GPL-2.0
/*
 * The model: who owns the vectors, which handlers are on them, and what is on the devres list. It
 * follows the table in Documentation/PCI/irq-vector-ownership.rst and shares no code with the
 * kernel.
 */
#include "sequences.h"

struct model model;
unsigned long happened[HAPPENINGS];

static void reports(enum report report)
{
	model.reports[report]++;
	happened[report]++;
}

/* --- Allocating --- */

/* Returns what an allocation of one type returns while no vectors are live. */
static int expects_type(unsigned int type, unsigned int min, unsigned int max, bool spread)
{
	unsigned int has = type == PCI_IRQ_MSIX ? model.desc->msix_vectors :
						  model.desc->msi_vectors;
	unsigned int count = min(has, max);

	/* The kernel checks the range of MSI-X first, and that of MSI last. */
	if (type == PCI_IRQ_MSIX && max < min)
		return -ERANGE;
	if (!(type == PCI_IRQ_MSIX ? max : min) || model.pdev->current_state != PCI_D0)
		return -EINVAL;
	if (max < min)
		return -ERANGE;
	if (!has)
		return -EINVAL;
	if (spread)
		count = min(count, num_possible_cpus());
	return count < min ? -ENOSPC : count;
}

/* Returns what an allocation returns if nothing is scarce. */
int model_expects(unsigned int flags, unsigned int min, unsigned int max)
{
	bool spread = flags & PCI_IRQ_AFFINITY;
	int ret = -ENOSPC;

	if (model.owner) {
		reports(model.owner == DEVICE ? BUSY_DEVICE : BUSY_DRIVER);
		return -EBUSY;
	}
	if (model.detaching) {
		happened[DID_REFUSE_IN_DETACH]++;
		return -ENODEV;
	}
	if (flags & PCI_IRQ_MSIX)
		ret = expects_type(PCI_IRQ_MSIX, min, max, spread);
	if (ret < 0 && flags & PCI_IRQ_MSI)
		ret = expects_type(PCI_IRQ_MSI, min, max, spread);
	if (ret < 0 && flags & PCI_IRQ_INTX && min == 1 && model.desc->intx)
		ret = 1;
	return ret;
}

/* The first allocation adds the MSI data and the node, even if it fails later. */
void model_sets_up(void)
{
	if (!model.has_node)
		model_adds(NODE, 0);
	model.has_node = true;
}

void model_allocates(enum owner owner, unsigned int type, unsigned long vectors)
{
	model.owner = owner;
	model.type = type;
	model.vectors = vectors;
	memset(model.irqs, 0, sizeof(model.irqs));
	model_sets_up();
	if (owner == DEVICE) {
		model.managed_id = ++model.last_id;
		model_adds(MANAGED, model.managed_id);
	}
	happened[owner == DEVICE ? DID_ALLOC_MANAGED : DID_ALLOC_EXPLICIT]++;
}

/* --- Freeing --- */

bool model_has_handler(unsigned int vector)
{
	for (int i = 0; i < MAX_HANDLERS; i++)
		if (model.handlers[i].used && model.handlers[i].vector == vector)
			return true;
	return false;
}

static bool has_any_handler(void)
{
	for (int i = 0; i < MAX_HANDLERS; i++)
		if (model.handlers[i].used)
			return true;
	return false;
}

/* The vectors are gone. */
static void goes(void)
{
	model.owner = NOBODY;
	model.type = 0;
	model.vectors = 0;
	model.silenced = false;
	model.forgotten = false;
	model.alone = 0;
	model.unsure = 0;
	model.pending = 0;
	model.managed_id = 0;
}

/* The driver makes a call that frees vectors of @caller. */
void model_frees(enum owner caller)
{
	enum report report = REPORTS;

	if (!model.owner)
		return;
	if (caller != model.owner)
		report = model.owner == DEVICE ? REFUSED_DEVICE_OWNS : REFUSED_DRIVER_OWNS;
	else if (has_any_handler())
		report = REFUSED_HANDLER;
	if (report != REPORTS) {
		reports(report);
		model.silenced = true;
		return;
	}
	model_removes(MANAGED, model.managed_id);
	goes();
	happened[DID_FREE]++;
}

/* The driver frees a single vector, which any owner's driver may do. */
void model_frees_one(unsigned int vector)
{
	if (model_has_handler(vector)) {
		reports(REFUSED_HANDLER);
		model.alone |= BIT(vector);
		return;
	}
	model.vectors &= ~BIT(vector);
	model.alone &= ~BIT(vector);
	model.unsure &= ~BIT(vector);
	happened[DID_FREE_ONE]++;
}

/*
 * A handler goes. With the last one on the first of several MSI vectors the kernel clears the
 * message of all, in msi_domain_deactivate(), until there is another one.
 */
void model_frees_handler(unsigned int slot)
{
	struct handler *handler = &model.handlers[slot];

	handler->used = false;
	if (model.type == PCI_IRQ_MSI && !handler->vector && !model_has_handler(0))
		model.unsure = model.vectors & ~BIT(0);
}

/* Devres releases the entry of a managed allocation, or the node. */
static void is_released(void)
{
	if (model.owner == DRIVER)
		reports(LEAKED);
	for (int i = 0; model.owner && i < MAX_HANDLERS; i++) {
		if (!model.handlers[i].used)
			continue;
		reports(LEAKED_HANDLER);
		model.handlers[i].used = false;
	}
	goes();
}

/*
 * Returns whether an interrupt that the function raises on a vector arrives. What the function is
 * told to do about power and bus mastering is asked of the function.
 */
bool model_sends(unsigned int vector)
{
	u32 command;

	if (!model.owner || model.silenced || model.forgotten || model.unplugged || !model.func ||
	    model.pdev->current_state != PCI_D0)
		return false;
	command = pci_soft_read(model.func, PCI_SOFT_CONFIG, PCI_COMMAND);
	return command & PCI_COMMAND_MASTER && model.vectors & ~model.alone & BIT(vector);
}

/* --- The devres list --- */

void model_adds(enum entry_kind kind, unsigned int which)
{
	if (model.entries == ARRAY_SIZE(model.list)) {
		wrong("the model's list is full");
		return;
	}
	model.list[model.entries++] = (struct entry) { kind, which };
}

/* Returns the place of the newest such entry, or -1. */
int model_finds(enum entry_kind kind, unsigned int which)
{
	int at = model.entries;

	while (at--)
		if (model.list[at].kind == kind && model.list[at].which == which)
			return at;
	return -1;
}

static void cut(unsigned int first, unsigned int count)
{
	memmove(&model.list[first], &model.list[first + count],
		(model.entries - first - count) * sizeof(model.list[0]));
	model.entries -= count;
}

void model_removes(enum entry_kind kind, unsigned int which)
{
	int at = model_finds(kind, which);

	if (at >= 0)
		cut(at, 1);
}

unsigned int model_counts(enum entry_kind kind)
{
	unsigned int count = 0;

	for (int i = 0; i < model.entries; i++)
		count += model.list[i].kind == kind;
	return count;
}

/* Returns the newest group that is open, or -1. */
int model_newest_open(void)
{
	for (int at = model.entries - 1; at >= 0; at--)
		if (model.list[at].kind == OPENED && model_finds(CLOSED, model.list[at].which) < 0)
			return model.list[at].which;
	return -1;
}

/* A group contains what was added between its two ends. */
static void find_range(unsigned int group, int *first, int *count)
{
	int end = model_finds(CLOSED, group);

	*first = model_finds(OPENED, group);
	*count = (end < 0 ? model.entries : end + 1) - *first;
}

static bool is_in(int at, int first, int count)
{
	return at >= first && at < first + count;
}

/*
 * Returns whether releasing a group is a defined call. It is not if vectors go with the group and a
 * managed handler on them stays on the list: devres would release the handler once more.
 */
bool model_can_release(unsigned int group)
{
	int first, count;

	find_range(group, &first, &count);
	if (!is_in(model_finds(NODE, 0), first, count) &&
	    !(model.managed_id && is_in(model_finds(MANAGED, model.managed_id), first, count)))
		return true;
	for (int i = 0; i < MAX_HANDLERS; i++)
		if (model.handlers[i].used && model.handlers[i].way == DEVM &&
		    !is_in(model_finds(HANDLER, i), first, count))
			return false;
	return true;
}

static void acts(struct action *action)
{
	bool managed = action->does == ACT_ALLOC_MANAGED;
	int expected;

	switch (action->does) {
	case ACT_FREE:
		model_frees(DRIVER);
		break;
	case ACT_FREE_MANAGED:
		model_frees(DEVICE);
		break;
	default:
		if (model.unplugged)
			break;
		expected = model_expects(PCI_IRQ_MSI | PCI_IRQ_MSIX, 1, 1);
		expect("an allocation in a devm action", action->ret, expected);
		if (expected != 1)
			break;
		model_allocates(managed ? DEVICE : DRIVER,
				model.desc->msix_vectors ? PCI_IRQ_MSIX : PCI_IRQ_MSI, 1);
		happened[DID_ALLOC_IN_RELEASE]++;
	}
}

/* Devres takes the entries off the list, and then releases them, the newest first. */
static void release_range(unsigned int first, unsigned int count)
{
	static struct entry gone[ARRAY_SIZE(model.list)];

	memcpy(gone, &model.list[first], count * sizeof(gone[0]));
	cut(first, count);
	while (count--) {
		unsigned int which = gone[count].which;

		switch (gone[count].kind) {
		case NODE:
			is_released();
			model.has_node = false;
			break;
		case MANAGED:
			if (model.owner && which == model.managed_id)
				is_released();
			break;
		case HANDLER:
			model_frees_handler(which);
			break;
		case ACTION:
			acts(&model.actions[which]);
			break;
		default:
			break;
		}
	}
}

void model_releases(unsigned int group)
{
	int first, count;

	find_range(group, &first, &count);
	release_range(first, count);
}

/* The driver is gone, and devres releases everything. */
void model_detaches(void)
{
	model.detaching = true;
	release_range(0, model.entries);
	model.detaching = false;
}
