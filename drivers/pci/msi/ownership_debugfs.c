// SPDX-License-Identifier: GPL-2.0
/*
 * The file /sys/kernel/debug/pci_irq_vectors lists the devices that have
 * interrupt vectors right now, and who frees them.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/string_choices.h>

#include "ownership.h"

static void show_device(struct seq_file *m, struct pci_dev *dev)
{
	struct pci_irq_vectors_state state;
	bool silenced, msi, msix;

	/*
	 * The pointer to the node is cleared under this lock before the node is
	 * freed, and the driver is detached later. Nobody sleeps with the lock
	 * held, so a device that hangs in its driver does not block the reader.
	 */
	guard(spinlock_irqsave)(&dev->dev.devres_lock);
	state = pci_irq_vectors_state(dev);
	/* data_race(): the driver may change all three meanwhile, and any state will do. */
	silenced = data_race(!!dev->msi_silenced);
	/* data_race(): as above. */
	msi = data_race(!!dev->msi_enabled);
	/* data_race(): as above. */
	msix = data_race(!!dev->msix_enabled);
	if (state.owner == PCI_IRQ_OWNER_NONE || (!msi && !msix))
		return;

	seq_printf(m, "%-14s%-26s%-8s%-7s%-10s%s\n", pci_name(dev), dev_driver_string(&dev->dev),
		   state.owner == PCI_IRQ_OWNER_DEVICE ? "device" : "driver",
		   str_yes_no(state.guarded), str_yes_no(silenced), msix ? "MSI-X" : "MSI");
}

static int pci_irq_vectors_show(struct seq_file *m, void *unused)
{
	struct pci_dev *dev = NULL;

	seq_printf(m, "%-14s%-26s%-8s%-7s%-10s%s\n", "device", "driver", "owner", "guard",
		   "silenced", "type");
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
