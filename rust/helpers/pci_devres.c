// SPDX-License-Identifier: GPL-2.0

/* The PCI devres layer in Rust calls these inline functions of C headers. */

#include <linux/acpi.h>
#include <linux/device.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqflags.h>
#include <linux/pci.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#ifdef CONFIG_X86
#include <asm/io_apic.h>
#endif

#ifdef CONFIG_PCI_DEVRES_RUST
__rust_helper int rust_helper_dev_to_node(struct device *dev)
{
	return dev_to_node(dev);
}

__rust_helper void rust_helper_devm_remove_action(struct device *dev,
						  void (*action)(void *),
						  void *data)
{
	devm_remove_action(dev, action, data);
}

__rust_helper void __iomem *
rust_helper_pci_remap_cfgspace(phys_addr_t offset, size_t size)
{
	return pci_remap_cfgspace(offset, size);
}

/* Without CONFIG_PRINTK dev_err() is an inline function with a variable number of arguments. */
__rust_helper void rust_helper_pci_devres_err(struct device *dev, const char *what,
					      const struct resource *res)
{
	dev_err(dev, "%s for resource %pR\n", what, res);
}

__rust_helper int rust_helper_irq_set_affinity_and_hint(unsigned int irq,
							const struct cpumask *mask)
{
	return irq_set_affinity_and_hint(irq, mask);
}

/*
 * Returns whether the caller is in an interrupt, or in the thread of an interrupt
 * handler. Of all kernel threads, only those of genirq have names that begin like
 * this, and user space cannot rename a kernel thread. With CONFIG_DEBUG_SHIRQ
 * free_irq() calls a shared handler once more, with interrupts off.
 */
__rust_helper bool rust_helper_in_irq_handler(void)
{
	return !in_task() || irqs_disabled() ||
	       (current->flags & PF_KTHREAD && strstarts(current->comm, "irq/"));
}

/*
 * Returns whether an interrupt was spread over CPUs, which reserve a vector for
 * it.
 */
__rust_helper bool rust_helper_pci_irq_is_spread(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data && irqd_affinity_is_managed(data);
}

/*
 * Returns whether the number of the INTx interrupt of a device is that of its
 * line. x86 maps the line when the device is enabled, unless MSI or MSI-X is on at
 * that time. Until then the number is what the firmware has left. That is right
 * only where neither ACPI nor an IO-APIC routes lines: there the firmware has
 * routed them to the PIC, and nothing has to be mapped.
 */
__rust_helper bool rust_helper_pci_intx_is_mapped(struct pci_dev *dev)
{
#ifdef CONFIG_X86
	if (dev->irq_managed)
		return true;
#ifdef CONFIG_ACPI
	if (!acpi_noirq)
		return false;
#endif
	return !io_apic_assign_pci_irqs;
#else
	return true;
#endif
}
#endif /* CONFIG_PCI_DEVRES_RUST */
