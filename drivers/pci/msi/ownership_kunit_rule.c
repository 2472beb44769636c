// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of interrupt-vector ownership: makes the calls of the table in
 * ownership_rule.h, and compares what the kernel decides with it.
 */

#include <linux/msi.h>

#include "ownership.h"
#include "ownership_kunit.h"

enum rule_answer {
	RULE_NO,
	RULE_YES,
	RULE_ANY,
};

enum rule_decision {
	RULE_NOTHING,
	RULE_ALLOCATED,
	RULE_ADDED,
	RULE_CLAIMED,
	RULE_FREED,
	RULE_FREED_ONE,
	RULE_CONTAINED,
	RULE_REFUSED_BUSY,
	RULE_REFUSED_DETACHING,
	RULE_REFUSED_DEVICE_OWNS,
	RULE_REFUSED_DRIVER_OWNS,
	RULE_REFUSED_GUARD,
	RULE_REFUSED_HANDLER,
};

struct rule {
	enum pci_irq_owner owner;
	enum rule_answer guard, handler;
	enum rule_call call;
	enum rule_decision decision;
	enum pci_irq_owner after;
	enum rule_answer silences;
};

#define RULE(owner, guard, handler, call, decision, after, silences)		\
	{ PCI_IRQ_OWNER_##owner, RULE_##guard, RULE_##handler, RULE_##call,	\
	  RULE_##decision, PCI_IRQ_OWNER_##after, RULE_##silences },

static const struct rule rules[] = {
#include "ownership_rule.h"
};

/* This is the vector that ADD_ONE adds and FREE_ONE frees. */
#define ADDED_INDEX 3

/* The row that is being tested. */
struct asked {
	const struct rule *rule;
	enum alloc_call first;	/* allocated the vectors that are live */
	unsigned int variant;	/* of the call */
	bool handler;
	void *group;
	struct msi_map map;	/* the vector with the handler, and the one to free */
	int ret;
};

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void disable(struct pci_dev *pdev, bool msi)
{
	if (msi)
		pci_disable_msi(pdev);
	else
		pci_disable_msix(pdev);
}

/* Brings the device into the state in which the row applies. */
static void prepare(struct kunit *test, struct asked *asked)
{
	struct pci_dev *pdev = dev_of(test);

	if (!pdev->driver)
		bind_with(test, probe_enable);
	asked->group = NULL;
	if (asked->rule->owner == PCI_IRQ_OWNER_NONE)
		return;
	if (asked->rule->call == RULE_RELEASE_GROUP) {
		/* The MSI data is not in the group. */
		KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, asked->first, type_of(test)), 1);
		ownership_free(pdev, asked->first);
		asked->group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, asked->group);
	}
	KUNIT_ASSERT_EQ(test, ownership_alloc(pdev, asked->first, type_of(test)), 1);
	asked->map = (struct msi_map) { .index = 0, .virq = pci_irq_vector(pdev, 0) };
	if (asked->rule->call == RULE_FREE_ONE)
		asked->map = pci_msix_alloc_irq_at(pdev, ADDED_INDEX, NULL);
	if (asked->handler)
		KUNIT_ASSERT_EQ(test, request_irq(asked->map.virq, handler, 0, "rule", pdev), 0);
	if (asked->group)
		devres_close_group(&pdev->dev, asked->group);
}

/*
 * Allocates by the @variant-th call and type. Returns 0 if the call has no such
 * type.
 */
static int allocate(struct kunit *test, struct asked *asked, unsigned int first)
{
	static const unsigned int types[] = {
		PCI_IRQ_MSI, PCI_IRQ_MSIX, PCI_IRQ_INTX, PCI_IRQ_ALL_TYPES,
	};

	if (asked->rule->owner == PCI_IRQ_OWNER_NONE)
		return ownership_alloc(dev_of(test), first + asked->variant, type_of(test));
	return ownership_alloc(dev_of(test), first + asked->variant / ARRAY_SIZE(types),
			       types[asked->variant % ARRAY_SIZE(types)]);
}

/* Returns in how many ways the call of a row can be made. */
static unsigned int variants_of(const struct rule *rule)
{
	unsigned int types = rule->owner == PCI_IRQ_OWNER_NONE ? 1 : 4;

	switch (rule->call) {
	case RULE_ALLOC_EXPLICIT:
		return FIRST_MANAGED * types;
	case RULE_ALLOC_MANAGED:
		return (ALLOC_CALLS - FIRST_MANAGED) * types;
	case RULE_FREE_EXPLICIT:
		return 2;
	default:
		return 1;
	}
}

static void make_call(struct kunit *test, struct asked *asked)
{
	bool is_msi = type_of(test) == PCI_IRQ_MSI;
	struct pci_dev *pdev = dev_of(test);

	switch (asked->rule->call) {
	case RULE_ALLOC_EXPLICIT:
		asked->ret = allocate(test, asked, 0);
		break;
	case RULE_ALLOC_MANAGED:
		asked->ret = allocate(test, asked, FIRST_MANAGED);
		break;
	case RULE_FREE_EXPLICIT:
		if (asked->variant)
			disable(pdev, is_msi);
		else
			pci_free_irq_vectors(pdev);
		break;
	case RULE_FREE_OTHER_TYPE:
		disable(pdev, !is_msi);
		break;
	case RULE_FREE_MANAGED:
		pcim_free_irq_vectors(pdev);
		break;
	case RULE_ADD_ONE:
		asked->ret = pci_msix_alloc_irq_at(pdev, ADDED_INDEX, NULL).index;
		break;
	case RULE_FREE_ONE:
		pci_msix_free_irq(pdev, asked->map);
		break;
	case RULE_RELEASE_GROUP:
		if (asked->group)
			devres_release_group(&pdev->dev, asked->group);
		break;
	case RULE_DETACH:
		detach(test);
		break;
	default:
		KUNIT_FAIL(test, "nobody here makes call %d", asked->rule->call);
	}
}

/* An allocation was refused, and the report says who owns what is live. */
static void expect_busy(struct kunit *test, enum pci_irq_owner owner)
{
	expect_reports(test, 1, "allocation refused, the %s owns the %s vectors that are live",
		       owner == PCI_IRQ_OWNER_DEVICE ? "device" : "driver", type_name(test));
}

/* Compares what was returned and reported with the decision. */
static void expect_decision(struct kunit *test, const struct asked *asked)
{
	const struct rule *rule = asked->rule;
	const char *type = type_name(test);

	switch (rule->decision) {
	case RULE_ALLOCATED:
		/* The call may not know the type. */
		if (asked->ret)
			KUNIT_EXPECT_EQ(test, asked->ret, 1);
		break;
	case RULE_ADDED:
		KUNIT_EXPECT_EQ(test, asked->ret, ADDED_INDEX);
		break;
	case RULE_FREED_ONE:
		KUNIT_EXPECT_EQ(test, pci_irq_vector(dev_of(test), ADDED_INDEX), -EINVAL);
		break;
	case RULE_REFUSED_BUSY:
		if (!asked->ret)
			break;
		KUNIT_EXPECT_EQ(test, asked->ret, -EBUSY);
		expect_busy(test, rule->owner);
		break;
	case RULE_REFUSED_DEVICE_OWNS:
		expect_reports(test, 1, "free refused, the device owns the %s vectors until detach",
			       type);
		break;
	case RULE_REFUSED_DRIVER_OWNS:
		expect_reports(test, 1, "managed free refused, the driver owns the %s vectors",
			       type);
		break;
	case RULE_REFUSED_HANDLER:
		expect_reports(test, 1, "free refused, handler %ps is registered on irq %d",
			       handler, asked->map.virq);
		break;
	case RULE_CONTAINED:
		if (asked->handler)
			expect_reports(test, 1,
				       "handler %ps on irq %d leaked by the driver, released by devres",
				       handler, asked->map.virq);
		else
			expect_reports(test, 1, "%s vectors leaked by the driver, freed by devres",
				       type);
		break;
	default:
		break;
	}
	expect_no_report(test);
}

/* Compares the owner with the row. A refused allocation reports the owner. */
static void expect_state(struct kunit *test, const struct asked *asked)
{
	const struct rule *rule = asked->rule;
	struct pci_dev *pdev = dev_of(test);
	enum pci_irq_owner after = rule->after;

	if (rule->decision == RULE_ALLOCATED && !asked->ret)
		after = PCI_IRQ_OWNER_NONE;
	KUNIT_EXPECT_EQ_MSG(test, has_vectors(pdev), after != PCI_IRQ_OWNER_NONE,
			    "row %td, variant %u", rule - rules, asked->variant);
	if (!has_vectors(pdev))
		return;
	KUNIT_EXPECT_EQ_MSG(test, is_silent(test), rule->silences == RULE_YES,
			    "row %td, variant %u", rule - rules, asked->variant);
	/* The call of the row was such an allocation, so the owner is known. */
	if (rule->decision == RULE_REFUSED_BUSY)
		return;
	KUNIT_EXPECT_EQ(test, ownership_alloc(pdev, PCI_ALLOC, type_of(test)), -EBUSY);
	expect_busy(test, after);
}

/* The owner frees what is left, after its handler. */
static void clean_up(struct kunit *test, const struct asked *asked)
{
	struct pci_dev *pdev = dev_of(test);

	if (asked->handler && asked->rule->decision != RULE_CONTAINED)
		free_irq(asked->map.virq, pdev);
	if (asked->rule->after == PCI_IRQ_OWNER_DEVICE)
		pcim_free_irq_vectors(pdev);
	else
		pci_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, has_vectors(pdev));
	expect_no_report(test);
}

/*
 * Makes the call of a row in each way, each time from the start, except that a
 * refused allocation changes nothing.
 */
static void ask_row(struct kunit *test, struct asked *asked)
{
	bool is_same = asked->rule->decision == RULE_REFUSED_BUSY;
	unsigned int variants = variants_of(asked->rule);

	for (asked->variant = 0; asked->variant < variants; asked->variant++) {
		if (!is_same || !asked->variant)
			prepare(test, asked);
		make_call(test, asked);
		expect_decision(test, asked);
		expect_state(test, asked);
		if (!is_same || asked->variant == variants - 1)
			clean_up(test, asked);
	}
}

/* Returns whether the call can allocate the type of the case. */
static bool knows_type(struct kunit *test, enum alloc_call call)
{
	switch (call) {
	case PCI_ENABLE_MSI:
		return type_of(test) == PCI_IRQ_MSI;
	case PCI_ENABLE_MSIX_RANGE:
	case PCI_ENABLE_MSIX_EXACT:
		return type_of(test) == PCI_IRQ_MSIX;
	default:
		return true;
	}
}

/*
 * Tests the rows of the rule for @owner and @calls, with or without a handler,
 * for each call that can have allocated the vectors.
 */
void ask_rule(struct kunit *test, enum pci_irq_owner owner, unsigned int calls, bool handler)
{
	const enum rule_answer other = handler ? RULE_NO : RULE_YES;
	unsigned int asked_rows = 0;
	const struct rule *rule;

	for (rule = rules; rule < rules + ARRAY_SIZE(rules); rule++) {
		struct asked asked = { .rule = rule, .handler = handler };
		enum alloc_call end = FIRST_MANAGED;

		/* C code cannot create a guard. */
		if (rule->owner != owner || !(calls & BIT(rule->call)) || rule->handler == other ||
		    rule->guard == RULE_YES)
			continue;
		asked_rows++;
		if (owner == PCI_IRQ_OWNER_DEVICE) {
			asked.first = FIRST_MANAGED;
			end = ALLOC_CALLS;
		}
		for (; asked.first < end; asked.first++) {
			if (knows_type(test, asked.first))
				ask_row(test, &asked);
			if (owner == PCI_IRQ_OWNER_NONE)
				break;
		}
	}
	KUNIT_EXPECT_GE(test, asked_rows, hweight32(calls));
	if (dev_of(test)->driver)
		detach(test);
}
