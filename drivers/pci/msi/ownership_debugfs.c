// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/pci_irq_vectors: which device has interrupt vectors right
 * now, and who frees them.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>

#include "ownership.h"

/*
 * Held while a device is listed: its node stays meanwhile, and with that the
 * MSI data and the driver, which go later.
 */
static DEFINE_MUTEX(listing);

/* Makes the node of a device known. */
void pci_irq_vectors_publish(struct pci_dev *dev, struct pci_irq_vectors *node)
{
	/* Pairs with the one in show_device(). */
	smp_store_release(&dev->irq_vectors, node);
}

/* Forgets it. May sleep. */
void pci_irq_vectors_withdraw(struct pci_dev *dev)
{
	guard(mutex)(&listing);
	dev->irq_vectors = NULL;
}

/* Numbers that follow each other are written as a range. */
static void show_irqs(struct seq_file *m, struct pci_dev *dev)
{
	unsigned int first = 0, last = 0;
	struct msi_desc *desc;
	bool more = false;

	guard(msi_descs_lock)(&dev->dev);
	msi_for_each_desc(desc, &dev->dev, MSI_DESC_ASSOCIATED) {
		if (last && desc->irq == last + 1) {
			last += desc->nvec_used;
			continue;
		}
		if (last) {
			seq_printf(m, first == last ? "%s%u" : "%s%u-%u", more ? "," : "", first,
				   last);
			more = true;
		}
		first = desc->irq;
		last = first + desc->nvec_used - 1;
	}
	if (last)
		seq_printf(m, first == last ? "%s%u" : "%s%u-%u", more ? "," : "", first, last);
}

static void show_device(struct seq_file *m, struct pci_dev *dev)
{
	enum pci_irq_owner owner;
	bool guarded;

	guard(mutex)(&listing);
	/* Pairs with the one in pci_irq_vectors_publish(). */
	if (!smp_load_acquire(&dev->irq_vectors))
		return;
	owner = pci_irq_vectors_owner(dev, &guarded);
	if (owner == PCI_IRQ_OWNER_NONE)
		return;

	seq_printf(m, "%-14s%-26s%-8s%-7s%-7s%7u  ", pci_name(dev), dev_driver_string(&dev->dev),
		   owner == PCI_IRQ_OWNER_DEVICE ? "device" : "driver", guarded ? "yes" : "no",
		   dev->msix_enabled ? "MSI-X" : "MSI", pci_irq_vectors_count(dev));
	show_irqs(m, dev);
	seq_putc(m, '\n');
}

static int pci_irq_vectors_show(struct seq_file *m, void *unused)
{
	struct pci_dev *dev = NULL;

	seq_printf(m, "%-14s%-26s%-8s%-7s%-7s%7s  %s\n", "device", "driver", "owner", "guard", "type",
		   "vectors", "irqs");
	for_each_pci_dev(dev)
		show_device(m, dev);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pci_irq_vectors);

static int __init pci_irq_vectors_debugfs(void)
{
	debugfs_create_file("pci_irq_vectors", 0444, NULL, NULL, &pci_irq_vectors_fops);
	return 0;
}
late_initcall(pci_irq_vectors_debugfs);
