// SPDX-License-Identifier: GPL-2.0
/*
 * All calls of the PCI devres layer, as a record shows them.
 */
#include <linux/io.h>

#include "sequences.h"

static const char *quoted(const char *name)
{
	return name ?: "NULL";
}

static void returned(long value)
{
	record(" = %ld\n", value);
}

static struct mapping *returned_mapping(struct pci_dev *pdev, int at, void __iomem *addr)
{
	struct mapping *mapping;

	if (!addr) {
		record(" = NULL\n");
		return NULL;
	}
	if (IS_ERR(addr)) {
		returned(PTR_ERR(addr));
		return NULL;
	}
	mapping = mapping_add(pdev, addr, at, -1);
	record(" = ");
	mapping_record(pdev, mapping);
	record("\n");
	return mapping;
}

static void returned_cfgspace(struct pci_dev *pdev, int at, void __iomem *addr)
{
	struct mapping *mapping = returned_mapping(pdev, at, addr);

	if (mapping)
		mapping->cfgspace = true;
}

/* Is the name of a byte that nobody maps. */
static char foreign;

static void iounmap_earlier(struct pci_dev *pdev, const struct step *step)
{
	struct mapping *mapping = step->from >= 0 ? mapping_of(step->from) : NULL;
	void __iomem *addr = NULL;

	record("pcim_iounmap(");
	if (step->from == FOREIGN) {
		addr = (__force void __iomem *)&foreign;
		record("foreign)\n");
	} else if (mapping) {
		addr = mapping->addr + step->offset;
		record("#%d+%lx)\n", mapping->step, step->offset);
	} else {
		record("NULL)\n");
	}
	pcim_iounmap(pdev, addr);
}

/* The I/O space of this architecture is not memory, so the call always fails. */
static void remap_iospace(struct pci_dev *pdev, const struct step *step)
{
	static const struct resource spaces[] = {
		DEFINE_RES_IO(0, 0x1000),
		DEFINE_RES_MEM(0, 0x1000),
		DEFINE_RES_IO(IO_SPACE_LIMIT, 0x1000),
	};

	record("devm_pci_remap_iospace(%d)", step->arg);
	returned(devm_pci_remap_iospace(&pdev->dev, &spaces[step->arg % ARRAY_SIZE(spaces)], 0));
}

/* Returns the part of a memory BAR that a step means, within the BAR. */
static struct resource *part(struct pci_dev *pdev, const struct step *step)
{
	static struct resource res;
	struct resource *bar;

	res = (struct resource)DEFINE_RES_MEM_NAMED(0, 0, step->name);
	if (step->arg < 0 || step->arg > PCI_ROM_RESOURCE)
		return &res;
	bar = pci_resource_n(pdev, step->arg);
	if (resource_type(bar) != IORESOURCE_MEM || !resource_size(bar))
		return &res;
	res.start = bar->start + min_t(resource_size_t, step->offset, resource_size(bar) - 1);
	/* A length of 0 ends before it begins. */
	res.end = res.start - 1 + min_t(resource_size_t, step->length, bar->end - res.start + 1);
	return &res;
}

static void remap_cfgspace(struct pci_dev *pdev, const struct step *step, int at)
{
	struct resource *res = part(pdev, step);

	record("devm_pci_remap_cfgspace(%llx, %llx)", res->start, resource_size(res));
	returned_cfgspace(pdev, at, devm_pci_remap_cfgspace(&pdev->dev, res->start, resource_size(res)));
}

static void remap_cfg_resource(struct pci_dev *pdev, const struct step *step, int at)
{
	struct resource *res = part(pdev, step);

	if (step->from == NOTHING) {
		res = NULL;
		record("devm_pci_remap_cfg_resource(NULL)");
	} else {
		/* An I/O port by the name of a BAR that is one. */
		if (step->arg >= 0 && step->arg <= PCI_ROM_RESOURCE &&
		    pci_resource_flags(pdev, step->arg) & IORESOURCE_IO)
			res = pci_resource_n(pdev, step->arg);
		record("devm_pci_remap_cfg_resource(%pR %s)", res, quoted(res->name));
	}
	returned_cfgspace(pdev, at, devm_pci_remap_cfg_resource(&pdev->dev, res));
}

bool make_call(struct pci_dev *pdev, const struct sequence *sequence, int at)
{
	const struct step *step = &sequence->steps[at];

	switch (step->call) {
	case ENABLE_DEVICE:
		record("pcim_enable_device()");
		returned(pcim_enable_device(pdev));
		return true;
	case PIN_DEVICE:
		record("pcim_pin_device()\n");
		pcim_pin_device(pdev);
		return true;
	case IOMAP_TABLE:
		record("pcim_iomap_table() = %s\n", pcim_iomap_table(pdev) ? "a table" : "NULL");
		return true;
	case IOMAP:
		record("pcim_iomap(%d, %lx)", step->arg, step->length);
		returned_mapping(pdev, at, pcim_iomap(pdev, step->arg, step->length));
		return true;
	case IOUNMAP:
		iounmap_earlier(pdev, step);
		return true;
	case IOMAP_REGION:
		record("pcim_iomap_region(%d, %s)", step->arg, quoted(step->name));
		returned_mapping(pdev, at, pcim_iomap_region(pdev, step->arg, step->name));
		return true;
	case IOUNMAP_REGION:
		record("pcim_iounmap_region(%d)\n", step->arg);
		pcim_iounmap_region(pdev, step->arg);
		return true;
	case IOMAP_REGIONS:
		record("pcim_iomap_regions(%x, %s)", step->arg, quoted(step->name));
		returned(pcim_iomap_regions(pdev, step->arg, step->name));
		return true;
	case REQUEST_REGION:
		record("pcim_request_region(%d, %s)", step->arg, quoted(step->name));
		returned(pcim_request_region(pdev, step->arg, step->name));
		return true;
	case REQUEST_ALL_REGIONS:
		record("pcim_request_all_regions(%s)", quoted(step->name));
		returned(pcim_request_all_regions(pdev, step->name));
		return true;
	case IOMAP_RANGE:
		record("pcim_iomap_range(%d, %lx, %lx)", step->arg, step->offset, step->length);
		returned_mapping(pdev, at, pcim_iomap_range(pdev, step->arg, step->offset, step->length));
		return true;
	case SET_MWI:
		record("pcim_set_mwi()");
		returned(pcim_set_mwi(pdev));
		return true;
	case INTX:
		record("pcim_intx(%d)", step->arg);
		returned(pcim_intx(pdev, step->arg));
		return true;
	case REMAP_IOSPACE:
		remap_iospace(pdev, step);
		return true;
	case REMAP_CFGSPACE:
		remap_cfgspace(pdev, step, at);
		return true;
	case REMAP_CFG_RESOURCE:
		remap_cfg_resource(pdev, step, at);
		return true;
	default:
		return make_call_around(pdev, step, at);
	}
}
