// SPDX-License-Identifier: GPL-2.0

/* Inline functions of C headers that the PCI devres layer in Rust calls. */

#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irqdesc.h>
#include <linux/module.h>
#include <linux/pci.h>

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

__rust_helper unsigned long rust_helper_pci_resource_flags(struct pci_dev *pdev,
							   int bar)
{
	return pci_resource_flags(pdev, bar);
}

/* Without CONFIG_PRINTK dev_err() is an inline function with a variable number of arguments. */
__rust_helper void rust_helper_pci_devres_err_invalid(struct device *dev)
{
	dev_err(dev, "invalid resource\n");
}

__rust_helper void rust_helper_pci_devres_err_request(struct device *dev,
						      const struct resource *res)
{
	dev_err(dev, "can't request region for resource %pR\n", res);
}

__rust_helper void rust_helper_pci_devres_err_ioremap(struct device *dev,
						      const struct resource *res)
{
	dev_err(dev, "ioremap failed for resource %pR\n", res);
}

__rust_helper bool rust_helper_in_task(void)
{
	return in_task();
}

/* Whether code stays as long as the driver of the device does. */
__rust_helper bool rust_helper_pci_is_driver_text(struct pci_dev *dev, void *code)
{
	struct module *module;

	guard(rcu)();
	module = __module_text_address((unsigned long)code);
	return !module || module == dev->dev.driver->owner;
}

/* The task in which a handler runs; with forced threading there may be a second one. */
__rust_helper struct task_struct *
rust_helper_pci_irq_thread(unsigned int irq, void *dev_id, bool secondary)
{
	struct irq_desc *desc = irq_to_desc(irq);
	struct irqaction *action;

	if (!desc)
		return NULL;
	guard(raw_spinlock_irqsave)(&desc->lock);
	for (action = desc->action; action; action = action->next) {
		if (action->dev_id != dev_id)
			continue;
		if (!secondary)
			return action->thread;
		return action->secondary ? action->secondary->thread : NULL;
	}
	return NULL;
}
#endif /* CONFIG_PCI_DEVRES_RUST */
