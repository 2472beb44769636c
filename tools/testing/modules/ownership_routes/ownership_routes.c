// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates and frees vectors of QEMU's e1000e by every call that C has, from several CPUs. Each
 * call finds the device without vectors, or is refused.
 *
 * There is a driver of the device, with a child whose Rust driver does the same, and there is a
 * driver for the child of a Rust driver. Each call of C code is made under one lock, as the MSI API
 * requires of a driver. The lock is not held from an allocation to its free.
 */

#include <linux/auxiliary_bus.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "ownership_routes.h"

static int rounds = 2000;
module_param(rounds, int, 0644);
MODULE_PARM_DESC(rounds, "How often one of the ways is taken in all");

static bool forgotten;
module_param(forgotten, bool, 0644);
MODULE_PARM_DESC(forgotten, "Whether parents forget the children that they make from now on");

static int won[ROUTES];
static int ways = ROUTES;
module_param_array(won, int, &ways, 0644);
MODULE_PARM_DESC(won, "How often each way was taken");

static DEFINE_SPINLOCK(count_lock);
static DEFINE_MUTEX(routes_lock);

void ownership_routes_lock(void)
{
	mutex_lock(&routes_lock);
}
EXPORT_SYMBOL_GPL(ownership_routes_lock);

void ownership_routes_unlock(void)
{
	mutex_unlock(&routes_lock);
}
EXPORT_SYMBOL_GPL(ownership_routes_unlock);

static bool over(void)
{
	int i, sum = 0;

	guard(spinlock)(&count_lock);
	for (i = 0; i < ROUTES; i++)
		sum += won[i];
	return sum >= rounds;
}

/* Counts a call, and returns whether to go on. */
bool ownership_routes_won(unsigned int route)
{
	scoped_guard(spinlock, &count_lock)
		won[route]++;
	return !over();
}
EXPORT_SYMBOL_GPL(ownership_routes_won);

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/*
 * Makes a call unless the device has no driver any more, which the child of a parent that forgot it
 * must check for itself. The task that removes the child may hold the lock of the device and wait
 * for this thread.
 */
static int call(struct pci_dev *pdev, int (*make)(struct pci_dev *pdev))
{
	bool locked;
	int ret;

	while (!(locked = device_trylock(&pdev->dev)) && !kthread_should_stop())
		usleep_range(20, 50);
	mutex_lock(&routes_lock);
	ret = device_is_bound(&pdev->dev) ? make(pdev) : -ENODEV;
	mutex_unlock(&routes_lock);
	if (locked)
		device_unlock(&pdev->dev);
	return ret;
}

/* Every other time a handler is registered, which keeps everybody from freeing. */
static bool handled;

static int alloc(struct pci_dev *pdev)
{
	int ret = pci_alloc_irq_vectors(pdev, 1, 3, PCI_IRQ_MSIX);

	if (ret > 0 && (won[C_EXPLICIT] & 1))
		handled = !request_irq(pci_irq_vector(pdev, 0), handler, 0, "explicit", &handled);
	return ret;
}

static int free(struct pci_dev *pdev)
{
	if (handled)
		free_irq(pci_irq_vector(pdev, 0), &handled);
	handled = false;
	pci_free_irq_vectors(pdev);
	return 0;
}

static int managed_alloc(struct pci_dev *pdev)
{
	return pcim_alloc_irq_vectors(pdev, 1, 3, PCI_IRQ_MSIX);
}

static int managed_free(struct pci_dev *pdev)
{
	pcim_free_irq_vectors(pdev);
	return 0;
}

static int add_and_remove(struct pci_dev *pdev)
{
	struct msi_map map = pci_msix_alloc_irq_at(pdev, MSI_ANY_INDEX, NULL);
	int ret;

	if (map.index < 0)
		return map.index;
	ret = request_irq(map.virq, handler, 0, "added", pdev);
	if (!ret)
		free_irq(map.virq, pdev);
	pci_msix_free_irq(pdev, map);
	return ret;
}

static int steal(struct pci_dev *pdev)
{
	if (!pdev->msix_enabled)
		return -ENOENT;
	pci_free_irq_vectors(pdev);
	return pdev->msix_enabled ? -EBUSY : 0;
}

/* This is for callers that may find the driver gone when they free. */
static int alloc_and_free(struct pci_dev *pdev)
{
	int ret = alloc(pdev);

	return ret < 0 ? ret : free(pdev);
}

static int managed_alloc_and_free(struct pci_dev *pdev)
{
	int ret = managed_alloc(pdev);

	return ret < 0 ? ret : managed_free(pdev);
}

/* There is one thread for each route. */
struct traffic {
	struct pci_dev *pdev;
	bool forgotten;		/* nobody stops the threads before the parent loses its driver */
	struct way {
		struct traffic *traffic;
		struct task_struct *thread;
	} ways[C_ROUTES];
};

/* Takes a route once. Returns 0 or an errno. */
static int take(const struct way *way)
{
	struct traffic *traffic = way->traffic;
	struct pci_dev *pdev = traffic->pdev;
	int ret;

	switch (way - traffic->ways) {
	case C_EXPLICIT:
		if (traffic->forgotten)
			return call(pdev, alloc_and_free);
		ret = call(pdev, alloc);
		break;
	case C_MANAGED:
		if (traffic->forgotten)
			return call(pdev, managed_alloc_and_free);
		ret = call(pdev, managed_alloc);
		break;
	case C_ADD:
		return call(pdev, add_and_remove);
	default:
		return call(pdev, steal);
	}
	if (ret < 0)
		return ret;
	usleep_range(300, 600);
	return call(pdev, way == &traffic->ways[C_EXPLICIT] ? free : managed_free);
}

static int travel(void *data)
{
	struct way *way = data;
	int ret = 0;

	while (!kthread_should_stop()) {
		if (over() || ret == -ENODEV) {
			usleep_range(1000, 2000);
			continue;
		}
		ret = take(way);
		if (!ret)
			ownership_routes_won(way - way->traffic->ways);
		/* Each refusal is reported. */
		if (ret)
			usleep_range(1000, 2000);
		else
			usleep_range(100, 300);
	}
	return 0;
}

/* Waits for the threads. */
void ownership_routes_end(struct traffic *traffic)
{
	unsigned int i;

	for (i = 0; i < C_ROUTES; i++)
		if (!IS_ERR(traffic->ways[i].thread))
			kthread_stop(traffic->ways[i].thread);
	pci_dev_put(traffic->pdev);
	kfree(traffic);
}
EXPORT_SYMBOL_GPL(ownership_routes_end);

static struct traffic *begin(struct pci_dev *pdev)
{
	struct traffic *traffic = kzalloc(sizeof(*traffic), GFP_KERNEL);
	unsigned int i;

	if (!traffic)
		return NULL;
	traffic->pdev = pci_dev_get(pdev);
	traffic->forgotten = forgotten;
	for (i = 0; i < C_ROUTES; i++) {
		struct way *way = &traffic->ways[i];

		way->traffic = traffic;
		way->thread = kthread_run(travel, way, "route-%u", i);
	}
	return traffic;
}

/* Makes a child use all routes to the vectors of its parent. */
struct traffic *ownership_routes_begin(struct auxiliary_device *child)
{
	return begin(to_pci_dev(child->dev.parent));
}
EXPORT_SYMBOL_GPL(ownership_routes_begin);

static int child_probe(struct auxiliary_device *adev, const struct auxiliary_device_id *id)
{
	struct traffic *traffic = ownership_routes_begin(adev);

	if (!traffic)
		return -ENOMEM;
	auxiliary_set_drvdata(adev, traffic);
	return 0;
}

static void child_remove(struct auxiliary_device *adev)
{
	ownership_routes_end(auxiliary_get_drvdata(adev));
}

static const struct auxiliary_device_id child_ids[] = {
	{ .name = "ownership_routes_rust.c" },
	{ }
};

static struct auxiliary_driver child_driver = {
	.name = "child",
	.id_table = child_ids,
	.probe = child_probe,
	.remove = child_remove,
};

static void child_release(struct device *dev)
{
	kfree(to_auxiliary_dev(dev));
}

static struct auxiliary_device *new_child(struct pci_dev *pdev)
{
	static unsigned int children;
	struct auxiliary_device *child = kzalloc(sizeof(*child), GFP_KERNEL);

	if (!child)
		return NULL;
	child->name = "rust";
	child->id = children++;
	child->dev.parent = &pdev->dev;
	child->dev.release = child_release;
	if (auxiliary_device_init(child)) {
		kfree(child);
		return NULL;
	}
	if (auxiliary_device_add(child)) {
		auxiliary_device_uninit(child);
		return NULL;
	}
	return child;
}

struct parent {
	struct traffic *traffic;
	struct auxiliary_device *child;
};

static int parent_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct parent *parent = devm_kzalloc(&pdev->dev, sizeof(*parent), GFP_KERNEL);
	int ret;

	if (!parent)
		return -ENOMEM;
	pci_set_drvdata(pdev, parent);
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	parent->traffic = begin(pdev);
	if (!parent->traffic)
		return -ENOMEM;
	parent->child = new_child(pdev);
	if (!parent->child) {
		ownership_routes_end(parent->traffic);
		return -ENODEV;
	}
	return 0;
}

/* The child is removed first, unless it is forgotten and stays. */
static void parent_remove(struct pci_dev *pdev)
{
	struct parent *parent = pci_get_drvdata(pdev);

	if (!parent->traffic->forgotten) {
		auxiliary_device_delete(parent->child);
		auxiliary_device_uninit(parent->child);
	}
	ownership_routes_end(parent->traffic);
}

static const struct pci_device_id parent_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x10d3) },
	{ }
};

static struct pci_driver parent_driver = {
	.name = "ownership_routes",
	.id_table = parent_ids,
	.probe = parent_probe,
	.remove = parent_remove,
};

static int __init routes_init(void)
{
	int ret = auxiliary_driver_register(&child_driver);

	if (ret)
		return ret;
	ret = pci_register_driver(&parent_driver);
	if (ret)
		auxiliary_driver_unregister(&child_driver);
	return ret;
}
module_init(routes_init);

static void __exit routes_exit(void)
{
	pci_unregister_driver(&parent_driver);
	auxiliary_driver_unregister(&child_driver);
}
module_exit(routes_exit);

MODULE_DESCRIPTION("Every way to the vectors of a device, at a time");
MODULE_LICENSE("GPL");
