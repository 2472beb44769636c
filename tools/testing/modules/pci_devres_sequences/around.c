// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that drivers make beside managed ones: unmanaged calls, right and wrong, devres groups, and actions.
 *
 * A call is left out if it is undefined in the state of the sequence, or if the stock kernel answers it with a backtrace.
 */
#include "sequences.h"

/* How often the device was enabled with pci_enable_device() and not disabled. */
static int enabled;
static struct pci_dev *acted_on;
static const struct step *acting[MAX_STEPS];

/* The last element is for groups without an id. */
static char ids[4];

int around_enabled(void)
{
	return enabled;
}

void around_begin(void)
{
	enabled = 0;
}

static void act(void *data)
{
	const struct step *step = acting[(long)data];
	struct mapping *mapping = step->from >= 0 ? mapping_of(step->from) : NULL;

	record("    action %ld\n", (long)data);
	switch (step->action) {
	case ACTION_PIN:
		pcim_pin_device(acted_on);
		break;
	case ACTION_IOUNMAP:
		pcim_iounmap(acted_on, mapping ? mapping->addr : NULL);
		break;
	case ACTION_IOUNMAP_REGION:
		pcim_iounmap_region(acted_on, step->arg);
		break;
	default:
		break;
	}
}

static void add_action(struct pci_dev *pdev, const struct step *step, int at)
{
	static const char *const does[] = { "nothing", "pin", "iounmap", "iounmap_region" };

	acted_on = pdev;
	acting[at] = step;
	record("devm_add_action(%d, %s", at, does[step->action]);
	if (step->action == ACTION_IOUNMAP)
		record(" #%d", step->from);
	if (step->action == ACTION_IOUNMAP_REGION)
		record(" %d", step->arg);
	record(") = %d\n", devm_add_action(&pdev->dev, act, (void *)(long)at));
}

/*
 * Where the kernel keeps track of memory types (CONFIG_X86_PAT), memory that is mapped in two ways cannot be mapped as a whole in
 * either, so that calls fail after they got the region. Two pages are enough.
 */
static void map_two_types(struct pci_dev *pdev, const struct step *step, int at)
{
	void __iomem *first = pci_iomap_wc_range(pdev, step->arg, 0, PAGE_SIZE);
	void __iomem *second = pci_iomap_range(pdev, step->arg, PAGE_SIZE, PAGE_SIZE);
	struct mapping *mapping;

	record("two types of mapping of %d = %d\n", step->arg, !!first + !!second);
	mapping = first ? mapping_add(pdev, first, at, -1) : NULL;
	if (mapping)
		mapping->raw = true;
	mapping = second ? mapping_add(pdev, second, at, -1) : NULL;
	if (mapping)
		mapping->raw = true;
}

static void map(struct pci_dev *pdev, const struct step *step, int at)
{
	void __iomem *addr = pci_iomap(pdev, step->arg, step->length);
	struct mapping *mapping = addr ? mapping_add(pdev, addr, at, -1) : NULL;

	record("pci_iomap(%d, %lx) = ", step->arg, step->length);
	if (mapping) {
		mapping->raw = true;
		mapping_record(pdev, mapping);
	}
	record("%s\n", mapping ? "" : "NULL");
}

static bool devm_unmap(struct pci_dev *pdev, const struct step *step)
{
	struct mapping *mapping = step->from >= 0 ? mapping_of(step->from) : NULL;

	/* Only its own entry unmaps it. */
	if (!mapping || !mapping->cfgspace || !mapping_is_live(mapping))
		return false;
	record("devm_iounmap(#%d)\n", mapping->step);
	devm_iounmap(&pdev->dev, mapping->addr);
	return true;
}

static bool group(struct pci_dev *pdev, const struct step *step)
{
	char *id = step->arg < ARRAY_SIZE(ids) - 1 ? &ids[step->arg] : NULL;
	enum group there = state_group(pdev, id);

	switch (step->call) {
	case GROUP_OPEN:
		record("devres_open_group(%d)", step->arg);
		record(" = %s\n", devres_open_group(&pdev->dev, id, GFP_KERNEL) ? "a group" : "NULL");
		return true;
	case GROUP_CLOSE:
		if (there != OPEN_GROUP)
			return false;
		record("devres_close_group(%d)\n", step->arg);
		devres_close_group(&pdev->dev, id);
		return true;
	case GROUP_REMOVE:
		if (there == NO_GROUP)
			return false;
		record("devres_remove_group(%d)\n", step->arg);
		devres_remove_group(&pdev->dev, id);
		return true;
	default:
		if (there == NO_GROUP)
			return false;
		record("devres_release_group(%d)\n", step->arg);
		record("    released %d\n", devres_release_group(&pdev->dev, id));
		return true;
	}
}

bool make_call_around(struct pci_dev *pdev, const struct step *step, int at)
{
	int ret;

	switch (step->call) {
	case PCI_ENABLE_DEVICE:
		ret = pci_enable_device(pdev);
		enabled += !ret;
		record("pci_enable_device() = %d\n", ret);
		return true;
	case PCI_DISABLE_DEVICE:
		if (!enabled)
			return false;
		enabled--;
		record("pci_disable_device()\n");
		pci_disable_device(pdev);
		return true;
	case PCI_SET_MASTER:
		record("pci_set_master()\n");
		pci_set_master(pdev);
		return true;
	case PCI_CLEAR_MASTER:
		record("pci_clear_master()\n");
		pci_clear_master(pdev);
		return true;
	case PCI_SET_MWI:
		record("pci_set_mwi() = %d\n", pci_set_mwi(pdev));
		return true;
	case PCI_CLEAR_MWI:
		record("pci_clear_mwi()\n");
		pci_clear_mwi(pdev);
		return true;
	case PCI_INTX:
		record("pci_intx(%d)\n", step->arg);
		pci_intx(pdev, step->arg);
		return true;
	case PCI_SET_POWER_STATE:
		record("pci_set_power_state(%d) = %d\n", step->arg, pci_set_power_state(pdev, step->arg));
		return true;
	case PCI_REQUEST_REGION:
		record("pci_request_region(%d, %s) = %d\n", step->arg, step->name ?: "NULL",
		       pci_request_region(pdev, step->arg, step->name));
		return true;
	case PCI_RELEASE_REGION:
		record("pci_release_region(%d)\n", step->arg);
		pci_release_region(pdev, step->arg);
		return true;
	case PCI_IOMAP:
		map(pdev, step, at);
		return true;
	case PCI_IOMAP_TWO_TYPES:
		map_two_types(pdev, step, at);
		return true;
	case PCI_IOUNMAP:
		if (step->from < 0 || !mapping_of(step->from) || !mapping_of(step->from)->raw)
			return false;
		record("pci_iounmap(#%d)\n", step->from);
		mapping_unmap_raw(pdev, step->from);
		return true;
	case DEVM_IOUNMAP:
		return devm_unmap(pdev, step);
	case DEVM_ADD_ACTION:
		add_action(pdev, step, at);
		return true;
	default:
		return group(pdev, step);
	}
}
