// SPDX-License-Identifier: GPL-2.0
/*
 * The software PCI bus: a file with which scripts create functions, raise their
 * interrupts and remove them. See Documentation/PCI/pci-soft.rst.
 */

#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "soft.h"

#define MAX_TEXT	SZ_16K
#define MAX_RULES	64
#define MAX_CAPS	8
/*
 * The maximum of values after the keyword of a line. This is enough for a
 * capability.
 */
#define MAX_NUMBERS	64

/* A function that was created here, or one that is being described. */
struct made {
	struct list_head list;
	struct pci_soft_func *func;
	struct pci_soft_desc desc;
	struct pci_soft_rule rules[MAX_RULES];
	struct pci_soft_cap caps[MAX_CAPS];
	u8 bytes[MAX_CAPS][MAX_NUMBERS];
	u32 values[MAX_RULES][MAX_NUMBERS];
};

static LIST_HEAD(functions);
/* Protects the list, and serialises writes. */
static DEFINE_MUTEX(lock);
static struct dentry *folder;

/*
 * A kind of line: its keyword, and the function that handles the numbers after
 * it. The line is about the function that is being described, or about the one
 * whose device number comes first.
 */
struct word {
	const char *name;
	unsigned int min, max;
	int (*obey)(struct made *made, const u32 *n, unsigned int count);
	bool has_device;
};

/* --- Words that describe --- */

static int set_ids(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.vendor = n[0];
	made->desc.device = n[1];
	made->desc.subsystem_vendor = count > 2 ? n[2] : 0;
	made->desc.subsystem_device = count > 3 ? n[3] : 0;
	return 0;
}

static int set_class(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.class = n[0];
	made->desc.revision = count > 1 ? n[1] : 0;
	return 0;
}

static int set_bar(struct made *made, const u32 *n, unsigned int count)
{
	if (n[0] >= PCI_STD_NUM_BARS)
		return -EINVAL;
	made->desc.bars[n[0]].size = n[1];
	made->desc.bars[n[0]].flags = count > 2 ? n[2] : 0;
	return 0;
}

static int set_rom(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.rom_size = n[0];
	return 0;
}

static int set_pm(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.pm = true;
	return 0;
}

static int set_express(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.express = true;
	return 0;
}

static int set_intx(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.intx = true;
	return 0;
}

static int set_msi(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.msi_vectors = n[0];
	return 0;
}

static int set_msix(struct made *made, const u32 *n, unsigned int count)
{
	made->desc.msix_vectors = n[0];
	made->desc.msix_bar = n[1];
	made->desc.msix_offset = n[2];
	return 0;
}

static int add_cap(struct made *made, const u32 *n, unsigned int count)
{
	unsigned int i, at = made->desc.num_caps;

	if (at == MAX_CAPS)
		return -ENOSPC;
	for (i = 2; i < count; i++)
		made->bytes[at][i - 2] = n[i];
	made->caps[at] = (struct pci_soft_cap) {
		.id = n[0], .version = n[1], .size = count - 2, .bytes = made->bytes[at],
	};
	made->desc.num_caps++;
	return 0;
}

static bool is_register(u32 bar, u32 offset)
{
	if (bar == PCI_SOFT_CONFIG)
		return !(offset & 3) && offset < PCI_CFG_SPACE_EXP_SIZE;
	return !(offset & 3) && bar <= PCI_ROM_RESOURCE;
}

static int add_rule(struct made *made, const struct pci_soft_rule *rule)
{
	if (!is_register(rule->bar, rule->offset) ||
	    !is_register(rule->then.bar, rule->then.offset))
		return -EINVAL;
	if (made->desc.num_rules == MAX_RULES)
		return -ENOSPC;
	made->rules[made->desc.num_rules++] = *rule;
	return 0;
}

static int add_value(struct made *made, const u32 *n, unsigned int count)
{
	const struct pci_soft_rule rule = {
		.kind = PCI_SOFT_VALUE, .bar = n[0], .offset = n[1], .value = n[2],
		.mask = count > 3 ? n[3] : 0,
	};

	return add_rule(made, &rule);
}

static int add_sequence(struct made *made, const u32 *n, unsigned int count)
{
	const struct pci_soft_rule rule = {
		.kind = PCI_SOFT_SEQUENCE, .bar = n[0], .offset = n[1], .count = count - 2,
		.values = made->values[made->desc.num_rules],
	};
	int ret = add_rule(made, &rule);

	if (!ret)
		memcpy(made->values[made->desc.num_rules - 1], n + 2, (count - 2) * sizeof(*n));
	return ret;
}

static int add_clears(struct made *made, const u32 *n, unsigned int count)
{
	const struct pci_soft_rule rule = {
		.kind = PCI_SOFT_WRITE_1_CLEARS, .bar = n[0], .offset = n[1],
		.mask = count > 2 ? n[2] : 0,
	};

	return add_rule(made, &rule);
}

static int add_write(struct made *made, const u32 *n, unsigned int count)
{
	const struct pci_soft_rule rule = {
		.kind = PCI_SOFT_ON_WRITE, .bar = n[0], .offset = n[1], .value = n[2], .mask = n[3],
		.then = { .bar = n[4], .offset = n[5], .value = n[6],
			  .mask = count > 7 ? n[7] : 0 },
	};

	return add_rule(made, &rule);
}

static int add_raises(struct made *made, const u32 *n, unsigned int count)
{
	const struct pci_soft_rule rule = {
		.kind = PCI_SOFT_RAISES, .bar = n[0], .offset = n[1], .value = n[2], .mask = n[3],
		.vector = n[4],
	};

	return n[4] < SOFT_MAX_MSIX ? add_rule(made, &rule) : -EINVAL;
}

/* --- Words that act --- */

static int keep(struct made *made, struct pci_soft_func *func)
{
	if (IS_ERR(func))
		return PTR_ERR(func);
	made->func = func;
	list_add_tail(&made->list, &functions);
	return 0;
}

/*
 * Finds a function by its device number, or one behind a port by that of the
 * port and 32.
 */
static struct made *find(u32 slot)
{
	struct made *made;

	list_for_each_entry(made, &functions, list)
		if (made->func->slot == slot)
			return made;
	return NULL;
}

static int plug(struct made *made, const u32 *n, unsigned int count)
{
	struct made *port;
	int ret;

	if (!count)
		return keep(made, pci_soft_add(&made->desc));
	port = find(n[0]);
	if (!port)
		return -EINVAL;
	ret = keep(made, pci_soft_add_behind(port->func, &made->desc));
	if (!ret)
		pci_soft_settle(port->func);
	return ret;
}

static int add_port(struct made *made, const u32 *n, unsigned int count)
{
	return keep(made, pci_soft_add_port());
}

static int raise(struct made *made, const u32 *n, unsigned int count)
{
	if (n[1] >= SOFT_MAX_MSIX)
		return -EINVAL;
	pci_soft_raise(made->func, n[1]);
	return 0;
}

static int lower(struct made *made, const u32 *n, unsigned int count)
{
	pci_soft_lower(made->func);
	return 0;
}

static int unplug(struct made *made, const u32 *n, unsigned int count)
{
	pci_soft_unplug(made->func);
	if (made->func->port)
		pci_soft_settle(made->func->port);
	return 0;
}

static void forget(struct made *made)
{
	list_del(&made->list);
	kvfree(made);
}

static void remove_function(struct made *made)
{
	/* With a port goes the function behind it. */
	struct made *behind = find(SOFT_DEVICES + made->func->slot);

	pci_soft_remove(made->func);
	if (behind)
		forget(behind);
	forget(made);
}

static int remove(struct made *made, const u32 *n, unsigned int count)
{
	remove_function(made);
	return 0;
}

static const struct word words[] = {
	{ "ids", 2, 4, set_ids },
	{ "class", 1, 2, set_class },
	{ "bar", 2, 3, set_bar },
	{ "rom", 1, 1, set_rom },
	{ "pm", 0, 0, set_pm },
	{ "express", 0, 0, set_express },
	{ "intx", 0, 0, set_intx },
	{ "msi", 1, 1, set_msi },
	{ "msix", 3, 3, set_msix },
	{ "cap", 2, MAX_NUMBERS, add_cap },
	{ "value", 3, 4, add_value },
	{ "sequence", 3, MAX_NUMBERS, add_sequence },
	{ "clears", 2, 3, add_clears },
	{ "write", 7, 8, add_write },
	{ "raises", 5, 5, add_raises },
	{ "plug", 0, 1, plug },
	{ "port", 0, 0, add_port },
	{ "raise", 2, 2, raise, true },
	{ "lower", 1, 1, lower, true },
	{ "unplug", 1, 1, unplug, true },
	{ "remove", 1, 1, remove, true },
};

/* --- The file --- */

static int obey(struct made *made, char *line)
{
	unsigned int i, count = 0;
	u32 numbers[MAX_NUMBERS];
	char *name, *word;

	line = strim(line);
	name = strsep(&line, " \t");
	if (!*name || *name == '#')
		return 0;
	while ((word = strsep(&line, " \t"))) {
		if (!*word)
			continue;
		if (count == MAX_NUMBERS)
			return -E2BIG;
		if (!strcmp(word, "config"))
			numbers[count] = PCI_SOFT_CONFIG;
		else if (kstrtou32(word, 0, &numbers[count]))
			return -EINVAL;
		count++;
	}
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(name, words[i].name))
			break;
	if (i == ARRAY_SIZE(words) || count < words[i].min || count > words[i].max)
		return -EINVAL;
	if (words[i].has_device)
		made = find(numbers[0]);
	return made ? words[i].obey(made, numbers, count) : -EINVAL;
}

static ssize_t control_write(struct file *file, const char __user *from, size_t size,
			     loff_t *at)
{
	char *rest, *line;
	struct made *made;
	int ret = 0;

	if (size > MAX_TEXT)
		return -E2BIG;
	char *text __free(kfree) = memdup_user_nul(from, size);

	if (IS_ERR(text))
		return PTR_ERR(text);
	made = kvzalloc_obj(*made);
	if (!made)
		return -ENOMEM;
	made->desc.caps = made->caps;
	made->desc.rules = made->rules;

	guard(mutex)(&lock);
	rest = text;
	while (!ret && !made->func && (line = strsep(&rest, "\n")))
		ret = obey(made, line);
	if (!made->func)
		kvfree(made);
	return ret ?: size;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
	.llseek = noop_llseek,
};

static int __init control_init(void)
{
	folder = debugfs_create_dir("pci-soft", NULL);
	debugfs_create_file("control", 0200, folder, NULL, &control_fops);
	return 0;
}
module_init(control_init);

static void __exit control_exit(void)
{
	debugfs_remove(folder);
	while (!list_empty(&functions))
		remove_function(list_first_entry(&functions, struct made, list));
}
module_exit(control_exit);
