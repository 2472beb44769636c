// SPDX-License-Identifier: GPL-2.0
/*
 * The record of a call: its result, and everything that was done to the device during the call. This file records entries added to
 * and removed from its devres list, writes to its configuration space and messages of the kernel. state.c records the state
 * afterwards.
 *
 * Only what the task that runs the sequence does counts. A record is kept as a digest, and printed only on demand.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kmsg_dump.h>
#include <linux/siphash.h>
#include <linux/tracepoint.h>

#include "sequences.h"

static char text[32768];
static size_t length;
static siphash_key_t digest;

static struct pci_dev *device;
static struct task_struct *recorder;
static enum fault fault;

static bool watched(void)
{
	return READ_ONCE(recorder) == current;
}

void record(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	length += vscnprintf(text + length, sizeof(text) - length, format, args);
	va_end(args);
}

/* --- The devres list, by its trace event --------------------------------------------------------------------------------- */

static struct tracepoint *devres_log;

static void find_devres_log(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "devres_log"))
		devres_log = tp;
}

static void on_devres_log(void *unused, struct device *dev, const char *op, void *node, const char *name, size_t size)
{
	if (watched() && dev == &device->dev)
		record("    devres %s %s\n", op, name);
}

/* --- Configuration space ------------------------------------------------------------------------------------------------- */

static struct pci_ops *real_ops, watching_ops;

/*
 * QEMU's devices have no memory-write-invalidate. Here it is a bit that keeps what is written to it, as in devices that can do it,
 * so that forgetting to clear it shows.
 */
static u16 mwi;

static int read_config(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	int ret;

	ret = real_ops->read(bus, devfn, where, size, value);
	if (!watched() || bus != device->bus || devfn != device->devfn)
		return ret;

	if (where == PCI_CACHE_LINE_SIZE && size == 1 && fault == FAULT_CACHE_LINE)
		*value = 0;
	if (where == PCI_COMMAND && size == 2) {
		if (fault == FAULT_COMMAND)
			return PCIBIOS_DEVICE_NOT_FOUND;
		*value |= mwi;
	}
	return ret;
}

/* Reads are not recorded, because they depend on the implementation. */
static int write_config(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	if (watched() && bus == device->bus && devfn == device->devfn) {
		record("    config %02x.%d = %0*x\n", where, size, 2 * size, value);
		if (where == PCI_CACHE_LINE_SIZE && size == 1 && fault == FAULT_CACHE_LINE)
			return PCIBIOS_SUCCESSFUL;
		if (where == PCI_COMMAND && size == 2)
			mwi = value & PCI_COMMAND_INVALIDATE;
	}
	return real_ops->write(bus, devfn, where, size, value);
}

u16 record_command(void)
{
	u32 command;

	real_ops->read(device->bus, device->devfn, PCI_COMMAND, 2, &command);
	return command | mwi;
}

static int (*real_enable)(struct pci_host_bridge *bridge, struct pci_dev *pdev);

static int enable_device(struct pci_host_bridge *bridge, struct pci_dev *pdev)
{
	if (watched() && pdev == device && fault == FAULT_ENABLE)
		return -EBUSY;
	return real_enable ? real_enable(bridge, pdev) : 0;
}

void record_fault(enum fault which)
{
	fault = which;
}

/* --- Messages ------------------------------------------------------------------------------------------------------------ */

static struct kmsg_dump_iter messages;

/* These are messages that the kernel prints at any time, and those of this module. */
static const char *const asides[] = {
	"random: crng", "clocksource: ", "sched_clock: ", "perf: interrupt took", "hrtimer: interrupt took", "workqueue: ",
	KBUILD_MODNAME ": ",
};

static bool is_aside(const char *message)
{
	for (int i = 0; i < ARRAY_SIZE(asides); i++)
		if (str_has_prefix(message, asides[i]))
			return true;
	return false;
}

/* Adds the messages since the last time. Some of them contain a process ID, which is left out. */
static void record_messages(void)
{
	static char line[1024];
	char who[TASK_COMM_LEN + 16], *message, *found;
	size_t got;

	snprintf(who, sizeof(who), "%s:%d ", current->comm, task_pid_nr(current));
	while (kmsg_dump_get_line(&messages, false, line, sizeof(line) - 1, &got)) {
		line[got] = '\0';
		strim(line);
		message = strstr(line, "] ");
		message = message && line[0] == '[' ? message + 2 : line;
		if (!recorder || is_aside(message))
			continue;
		found = strstr(message, who);
		if (found)
			memmove(found, found + strlen(who), strlen(found + strlen(who)) + 1);
		record("    says %s\n", message);
	}
}

/* --- From one sequence to the next --------------------------------------------------------------------------------------- */

void record_begin(void)
{
	length = 0;
	digest = (siphash_key_t){};
	mwi = 0;
	record_messages();
	WRITE_ONCE(recorder, current);
}

void record_flush(bool print)
{
	char *rest = text, *line;

	record_messages();
	if (length == sizeof(text) - 1)
		pr_err("the record of one step exceeds %zu bytes\n", sizeof(text));
	digest.key[0] = siphash(text, length, &digest);
	while (print && (line = strsep(&rest, "\n")) && *line)
		pr_info("| %s\n", line);
	length = 0;
}

void record_end(void)
{
	WRITE_ONCE(recorder, NULL);
	fault = FAULT_NONE;
	mwi = 0;
}

u64 record_digest(void)
{
	return digest.key[0];
}

int record_init(struct pci_dev *pdev)
{
	struct pci_host_bridge *bridge = pci_find_host_bridge(pdev->bus);
	int ret;

	for_each_kernel_tracepoint(find_devres_log, NULL);
	if (!devres_log) {
		pr_err("this kernel has no trace event devres_log\n");
		return -ENOENT;
	}
	device = pdev;
	ret = tracepoint_probe_register(devres_log, on_devres_log, NULL);
	if (ret)
		return ret;

	kmsg_dump_rewind(&messages);
	real_enable = bridge->enable_device;
	bridge->enable_device = enable_device;
	watching_ops = *pdev->bus->ops;
	watching_ops.read = read_config;
	watching_ops.write = write_config;
	real_ops = pdev->bus->ops;
	pci_bus_set_ops(pdev->bus, &watching_ops);
	return 0;
}

void record_exit(void)
{
	pci_bus_set_ops(device->bus, real_ops);
	pci_find_host_bridge(device->bus)->enable_device = real_enable;
	tracepoint_probe_unregister(devres_log, on_devres_log, NULL);
	tracepoint_synchronize_unregister();
}
