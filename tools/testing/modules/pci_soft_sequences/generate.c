// SPDX-License-Identifier: GPL-2.0
/*
 * The generator. A sequence depends only on the seed and its number, and not on what its calls
 * do. A call that has no meaning in the state that it finds is left out.
 */
#include <linux/siphash.h>

#include "sequences.h"

#define ONE_IN(n) (!below(n))

static const struct sequence *drawing;
static u64 drawn;

/* The approximate share of each call, in percent. */
static const u8 weights[CALLS] = {
	[ALLOC] = 6,
	[ALLOC_MANAGED] = 7,
	[ENABLE_MSI] = 2,
	[ENABLE_MSIX_RANGE] = 3,
	[FREE] = 4,
	[FREE_MANAGED] = 4,
	[DISABLE_MSI] = 1,
	[DISABLE_MSIX] = 1,
	[ADD_ONE] = 4,
	[FREE_ONE] = 4,
	[REQUEST] = 13,
	[FREE_HANDLER] = 8,
	[RAISE] = 16,
	[TOGGLE_IRQ] = 1,
	[SET_AFFINITY] = 1,
	[ENABLE_DEVICE] = 1,
	[ENABLE_DEVICE_MANAGED] = 2,
	[DISABLE_DEVICE] = 1,
	[SET_MASTER] = 5,
	[REQUEST_REGION] = 1,
	[ADD_ACTION] = 5,
	[GROUP_OPEN] = 6,
	[GROUP_CLOSE] = 4,
	[GROUP_RELEASE] = 5,
	[GROUP_REMOVE] = 1,
	[SAVE_STATE] = 2,
	[RESTORE_STATE] = 3,
	[SET_POWER_STATE] = 3,
	[RESET] = 1,
	[UNPLUG] = 1,
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
	/* One call of many would be too many: most of what follows it does nothing. */
	return call == UNPLUG && !ONE_IN(4) ? RAISE : call;
}

static void a_step(struct step *step)
{
	*step = (struct step) { .call = a_call() };
	if (ONE_IN(10))
		step->fault = ONE_IN(2) ? FAULT_VECTORS : FAULT_MEMORY;
	step->scarce = step->fault == FAULT_VECTORS ? below(4) : 1 + below(24);
	step->a = below(1 << 16);
	step->b = below(1 << 16);
	step->c = below(1 << 16);
}

void generate(struct sequence *sequence, unsigned int kinds)
{
	int at, bound, removed;

	drawing = sequence;
	drawn = 0;
	sequence->kind = below(kinds);
	sequence->ending = ONE_IN(6) ? PROBE_FAILS : ONE_IN(4) ? REMOVE_FUNCTION : UNBIND;
	sequence->count = 15 + below(MAX_STEPS - 15 + 1);
	for (at = 0; at < sequence->count; at++)
		a_step(&sequence->steps[at]);
	/* Without this no message is sent. */
	if (!ONE_IN(4))
		sequence->steps[0].call = SET_MASTER;

	removed = sequence->count - (ONE_IN(3) ? below(6) : 0);
	bound = below(removed);
	if (sequence->ending == PROBE_FAILS)
		bound = sequence->count;
	for (at = 0; at < sequence->count; at++)
		sequence->steps[at].phase = at < bound ? IN_PROBE :
					    at < removed ? WHILE_BOUND : IN_REMOVE;
}
