// SPDX-License-Identifier: GPL-2.0
/*
 * Runs random sequences of calls of the PCI devres layer against one device, from binding to detach, and prints a digest of what each
 * sequence did. Another kernel must produce the same digests. Loading the module runs it:
 *
 *	modprobe pci_devres_sequences device=edu seed=1 calls=1000
 *
 * This prints one sequence, or part of it, in full:
 *
 *	modprobe pci_devres_sequences device=edu seed=1 sequence=17 keep=0xff verbose=1
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/console.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "sequences.h"

static char *device = "edu";
module_param(device, charp, 0);
MODULE_PARM_DESC(device, "edu, pci-testdev or e1000e");

static unsigned long long seed;
module_param(seed, ullong, 0);
MODULE_PARM_DESC(seed, "what the sequences follow from");

static unsigned int calls = 1000;
module_param(calls, uint, 0);
MODULE_PARM_DESC(calls, "how many calls to make at least");

static int number = -1;
module_param_named(sequence, number, int, 0);
MODULE_PARM_DESC(sequence, "the only sequence to run");

static unsigned long long keep = ~0ULL;
module_param(keep, ullong, 0);
MODULE_PARM_DESC(keep, "the steps to run of each sequence, a bit for each");

static bool verbose;
module_param(verbose, bool, 0);
MODULE_PARM_DESC(verbose, "print all that is recorded");

static const struct {
	const char *name;
	unsigned int vendor, device;
} known[] = {
	{ "edu", 0x1234, 0x11e8 },
	{ "pci-testdev", 0x1b36, 0x0005 },
	{ "e1000e", 0x8086, 0x10d3 },
};

static struct sequence sequence;
static bool running;
/* Counts the calls of a sequence. There are fewer than steps if some were left out. */
static unsigned int made;
static u16 command;
static u8 cache_line_size;

static void run_phase(struct pci_dev *pdev, enum phase phase)
{
	for (int at = 0; at < sequence.count; at++) {
		const struct step *step = &sequence.steps[at];

		if (step->phase != phase || !(keep & BIT_ULL(at)))
			continue;
		if (step->fault)
			record("%2d with fault %d: ", at, step->fault);
		else
			record("%2d ", at);
		record_fault(step->fault);
		if (make_call(pdev, &sequence, at))
			made++;
		else
			record("nothing\n");
		record_fault(FAULT_NONE);
		state_record(pdev, at);
		record_flush(verbose);
	}
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	/* The bus offers the device when the driver is registered. */
	if (!running)
		return -ENODEV;
	run_phase(pdev, IN_PROBE);
	return sequence.probe_fails ? -EIO : 0;
}

static void remove(struct pci_dev *pdev)
{
	run_phase(pdev, IN_REMOVE);
	record("detach\n");
}

static struct pci_device_id ids[2];

static struct pci_driver driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

/* Resets the state of the device before each sequence, whatever the unmanaged calls of the previous one did. */
static void reset(struct pci_dev *pdev)
{
	mapping_unmap_raw(pdev, NOTHING);
	for (int bar = 0; bar <= PCI_ROM_RESOURCE; bar++) {
		struct resource *res = pci_resource_n(pdev, bar);
		struct resource *root = res->flags & IORESOURCE_IO ? &ioport_resource : &iomem_resource;

		while (res->child)
			__release_region(root, res->child->start, resource_size(res->child));
	}
	while (atomic_read(&pdev->enable_cnt) > 0)
		pci_disable_device(pdev);
	pci_set_power_state(pdev, PCI_D0);
	pdev->pinned = false;
	pdev->is_managed = false;
	pci_write_config_word(pdev, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
							     PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_INVALIDATE));
	pci_write_config_byte(pdev, PCI_CACHE_LINE_SIZE, cache_line_size);
	/*
	 * Addresses that are freed from here on are not reused before the next call of this.
	 */
	vm_unmap_aliases();
}

static int run_sequence(struct pci_dev *pdev)
{
	u64 digest;
	bool clean;
	int ret;

	generate(&sequence, pdev);
	reset(pdev);
	around_begin();
	state_begin(pdev);
	made = 0;
	record_begin();
	running = true;

	ret = device_driver_attach(&driver.driver, &pdev->dev);
	record("probe = %d\n", ret);
	if (!ret) {
		state_record(pdev, NOTHING);
		record_flush(verbose);
		run_phase(pdev, WHILE_BOUND);
		device_release_driver(&pdev->dev);
	}
	state_record(pdev, NOTHING);
	clean = state_is_clean(pdev, &sequence, keep);
	record_flush(verbose);

	running = false;
	record_end();
	digest = record_digest();
	/* The digest is printed in two halves, so that it does not look like an address. */
	pr_info("device=%s seed=%llu sequence=%u steps=%d calls=%u digest=%08x-%08x%s\n", device, seed, sequence.number,
		sequence.count, made, (u32)(digest >> 32), (u32)digest, clean ? "" : " unclean");
	return ret == (sequence.probe_fails ? -EIO : 0) && clean ? 0 : -EIO;
}

static int run(struct pci_dev *pdev)
{
	unsigned int total = 0;
	int ret = 0;

	sequence.seed = seed;
	if (number >= 0) {
		sequence.number = number;
		return run_sequence(pdev);
	}
	for (sequence.number = 0; total < calls; sequence.number++) {
		ret = run_sequence(pdev) ?: ret;
		total += made;
		cond_resched();
	}
	return ret;
}

/*
 * Some calls make the kernel warn once that this architecture has no I/O space to map, which is not about devres. This provokes the
 * warning here, before the sequences.
 */
static void complain_once(struct pci_dev *pdev)
{
	static const struct resource space = DEFINE_RES_IO(0, 0x1000);
	int level = console_loglevel;

	console_loglevel = CONSOLE_LOGLEVEL_SILENT;
	pci_remap_iospace(&space, 0);
	console_lock();
	console_unlock();
	console_loglevel = level;
}

static struct pci_dev *find(void)
{
	for (int i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, device))
			continue;
		ids[0] = (struct pci_device_id){ PCI_DEVICE(known[i].vendor, known[i].device) };
		return pci_get_device(known[i].vendor, known[i].device, NULL);
	}
	return NULL;
}

static int __init sequences_init(void)
{
	struct pci_dev *pdev = find();
	u16 d3hot_delay;
	int ret;

	if (!pdev) {
		pr_err("no device %s in this machine\n", device);
		return -ENODEV;
	}
	complain_once(pdev);
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_read_config_byte(pdev, PCI_CACHE_LINE_SIZE, &cache_line_size);
	/* An emulated device needs no time to wake up. */
	d3hot_delay = pdev->d3hot_delay;
	pdev->d3hot_delay = 0;

	ret = pci_register_driver(&driver);
	if (ret)
		goto out_device;
	ret = record_init(pdev);
	if (ret)
		goto out_driver;
	ret = run(pdev);
	reset(pdev);
	record_exit();
	pci_write_config_word(pdev, PCI_COMMAND, command);
out_driver:
	pci_unregister_driver(&driver);
out_device:
	pdev->d3hot_delay = d3hot_delay;
	pci_dev_put(pdev);
	return ret;
}
module_init(sequences_init);

static void __exit sequences_exit(void)
{
}
module_exit(sequences_exit);

MODULE_DESCRIPTION("Random sequences of calls of the PCI devres layer");
MODULE_LICENSE("GPL");
