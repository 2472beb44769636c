// SPDX-License-Identifier: GPL-2.0
/*
 * The generator. A sequence depends only on the seed, its number, and the BARs of the device, and not on the results of its
 * calls. Many arguments are wrong, but the effect of each call is defined. Calls that are defined in some states only, such as
 * closing a group, are left out by around.c in the others.
 */
#include <linux/siphash.h>

#include "sequences.h"

#define ONE_IN(n) (!below(n))

static const struct sequence *drawing;
static u64 drawn;

static const int wrong_bars[] = { -1, PCI_NUM_RESOURCES, PCI_NUM_RESOURCES + 1, INT_MAX, INT_MIN };

/* The approximate share of each call, in percent. */
static const u8 weights[CALLS] = {
	[ENABLE_DEVICE] = 7,
	[PIN_DEVICE] = 1,
	[IOMAP_TABLE] = 3,
	[IOMAP] = 7,
	[IOUNMAP] = 6,
	[IOMAP_REGION] = 7,
	[IOUNMAP_REGION] = 6,
	[IOMAP_REGIONS] = 4,
	[REQUEST_REGION] = 6,
	[REQUEST_ALL_REGIONS] = 3,
	[IOMAP_RANGE] = 6,
	[SET_MWI] = 3,
	[INTX] = 5,
	[REMAP_IOSPACE] = 1,
	[REMAP_CFGSPACE] = 2,
	[REMAP_CFG_RESOURCE] = 3,
	[PCI_ENABLE_DEVICE] = 2,
	[PCI_DISABLE_DEVICE] = 2,
	[PCI_SET_MASTER] = 2,
	[PCI_CLEAR_MASTER] = 1,
	[PCI_SET_MWI] = 1,
	[PCI_CLEAR_MWI] = 1,
	[PCI_INTX] = 1,
	[PCI_SET_POWER_STATE] = 2,
	[PCI_REQUEST_REGION] = 2,
	[PCI_RELEASE_REGION] = 2,
	[PCI_IOMAP] = 1,
	[PCI_IOMAP_TWO_TYPES] = 1,
	[PCI_IOUNMAP] = 1,
	[DEVM_IOUNMAP] = 1,
	[DEVM_ADD_ACTION] = 2,
	[GROUP_OPEN] = 4,
	[GROUP_CLOSE] = 3,
	[GROUP_REMOVE] = 1,
	[GROUP_RELEASE] = 2,
};

static u64 draw(void)
{
	static const siphash_key_t key;

	return siphash_3u64(drawing->seed, drawing->number, drawn++, &key);
}

static u32 below(u32 n)
{
	return (u32)draw() % n;
}

static enum call a_call(void)
{
	u32 total = 0, at;
	int call;

	for (call = 0; call < CALLS; call++)
		total += weights[call];
	at = below(total);
	for (call = 0; at >= weights[call]; call++)
		at -= weights[call];
	return call;
}

/* Mostly one that the device has. */
static int a_bar(struct pci_dev *pdev)
{
	u32 r = below(100);
	int bar;

	if (r >= 95)
		return wrong_bars[below(ARRAY_SIZE(wrong_bars))];
	if (r >= 85)
		return below(PCI_NUM_RESOURCES);
	if (r >= 70)
		return below(PCI_STD_NUM_BARS);
	do
		bar = below(PCI_ROM_RESOURCE + 1);
	while (!pci_resource_len(pdev, bar));
	return bar;
}

static int a_mask(struct pci_dev *pdev)
{
	static const int special[] = { 0, -1, 1 << PCI_NUM_RESOURCES, 1 << PCI_ROM_RESOURCE, INT_MIN };
	int mask = 0;

	if (ONE_IN(8))
		return special[below(ARRAY_SIZE(special))];
	if (ONE_IN(8))
		return below(1 << PCI_STD_NUM_BARS);
	for (int bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_len(pdev, bar) && ONE_IN(2))
			mask |= 1 << bar;
	return mask;
}

static unsigned long bar_length(struct pci_dev *pdev, int bar)
{
	return bar >= 0 && bar < PCI_NUM_RESOURCES ? pci_resource_len(pdev, bar) : PAGE_SIZE;
}

static unsigned long an_offset(unsigned long length)
{
	switch (below(10)) {
	case 0:
		return 4;
	case 1:
		return PAGE_SIZE;
	case 2:
		return length - 1;
	case 3:
		return length;
	case 4:
		return length + 1;
	case 5:
		return ULONG_MAX;
	case 6:
	case 7:
		return length ? below(length) : 0;
	default:
		return 0;
	}
}

static unsigned long a_length(unsigned long length)
{
	switch (below(10)) {
	case 0:
		return 1;
	case 1:
		return PAGE_SIZE;
	case 2:
		return length;
	case 3:
		return length + 1;
	case 4:
		return ULONG_MAX;
	case 5:
	case 6:
		return length ? below(length) + 1 : 1;
	default:
		return 0;
	}
}

static bool maps(enum call call)
{
	return call == IOMAP || call == IOMAP_REGION || call == IOMAP_REGIONS || call == IOMAP_RANGE ||
	       call == REMAP_CFGSPACE || call == REMAP_CFG_RESOURCE || call == PCI_IOMAP || call == PCI_IOMAP_TWO_TYPES;
}

static bool maps_cfgspace(enum call call)
{
	return call == REMAP_CFGSPACE || call == REMAP_CFG_RESOURCE;
}

static bool maps_raw(enum call call)
{
	return call == PCI_IOMAP || call == PCI_IOMAP_TWO_TYPES;
}

/* Returns an earlier step that may have mapped something. */
static int an_earlier(int at, bool (*wanted)(enum call call))
{
	int found = NOTHING, seen = 0;

	for (int i = 0; i < at; i++)
		if (wanted(drawing->steps[i].call) && !below(++seen))
			found = i;
	return found;
}

static enum fault a_fault(enum call call)
{
	if (!ONE_IN(8))
		return FAULT_NONE;
	switch (call) {
	case ENABLE_DEVICE:
	case PCI_ENABLE_DEVICE:
		return FAULT_ENABLE;
	case SET_MWI:
		return FAULT_CACHE_LINE;
	case INTX:
		return FAULT_COMMAND;
	default:
		return FAULT_NONE;
	}
}

static void a_step(struct step *step, int at, struct pci_dev *pdev)
{
	static const char *const names[] = { "one", "two", NULL };
	static const int switches[] = { 0, 0, 1, 1, 2, -1 };

	step->call = a_call();
	step->fault = a_fault(step->call);
	step->name = names[below(ARRAY_SIZE(names))];
	step->from = NOTHING;
	step->arg = a_bar(pdev);
	step->offset = an_offset(bar_length(pdev, step->arg));
	step->length = a_length(bar_length(pdev, step->arg));
	step->action = below(ACTIONS);

	switch (step->call) {
	case IOMAP_REGIONS:
		step->arg = a_mask(pdev);
		break;
	case INTX:
	case PCI_INTX:
		step->arg = switches[below(ARRAY_SIZE(switches))];
		break;
	case PCI_SET_POWER_STATE:
		step->arg = below(2) ? PCI_D0 : PCI_D1 + below(3);
		break;
	case REMAP_IOSPACE:
		step->arg = below(3);
		break;
	case IOUNMAP:
		step->offset = ONE_IN(8) ? 4 : 0;
		fallthrough;
	case DEVM_ADD_ACTION:
		step->from = ONE_IN(12) ? FOREIGN : an_earlier(at, maps);
		break;
	case DEVM_IOUNMAP:
		step->from = an_earlier(at, maps_cfgspace);
		break;
	case PCI_IOUNMAP:
		step->from = an_earlier(at, maps_raw);
		break;
	case REMAP_CFG_RESOURCE:
		step->from = ONE_IN(8) ? NOTHING : 0;
		break;
	case GROUP_OPEN:
	case GROUP_CLOSE:
	case GROUP_REMOVE:
	case GROUP_RELEASE:
		step->arg = below(4);
		break;
	default:
		break;
	}
}

void generate(struct sequence *sequence, struct pci_dev *pdev)
{
	int bound, removed;

	drawing = sequence;
	drawn = 0;
	sequence->count = 20 + below(MAX_STEPS - 20 + 1);
	sequence->probe_fails = ONE_IN(6);
	for (int at = 0; at < sequence->count; at++)
		a_step(&sequence->steps[at], at, pdev);

	removed = sequence->count - (ONE_IN(4) ? below(6) : 0);
	bound = ONE_IN(3) ? removed : below(removed);
	for (int at = 0; at < sequence->count; at++) {
		enum phase phase = at < bound ? IN_PROBE : at < removed ? WHILE_BOUND : IN_REMOVE;

		sequence->steps[at].phase = sequence->probe_fails ? IN_PROBE : phase;
	}
}
