// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of the differences between a kernel with CONFIG_PCI_DEVRES_RUST and one without. There
 * is one case for each row of the table in Documentation/PCI/irq-vector-ownership.rst, with both
 * outcomes.
 */

#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

/* Expects one result with the option off, and another one with the option on. */
#define EXPECT_OFF_ON(test, got, off, on)						\
	KUNIT_EXPECT_EQ(test, got, IS_ENABLED(CONFIG_PCI_DEVRES_RUST) ? (on) : (off))

/* Whether the driver of the case enables its device with pcim_enable_device(). */
static bool enables;

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return enables ? pcim_enable_device(pdev) : 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver driver = {
	.name = "both_kernels",
	.id_table = ids,
	.probe = probe,
};

static struct pci_dev *bind_and_enable(struct kunit *test, bool enable)
{
	struct pci_dev *pdev = pci_get_device(0x1234, 0x11e8, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no edu in this machine");
	enables = enable;
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	return pdev;
}

static struct pci_dev *bind(struct kunit *test)
{
	return bind_and_enable(test, true);
}

/* Detaches the driver, and checks that nothing is left. */
static void unbind(struct kunit *test, struct pci_dev *pdev)
{
	device_release_driver(&pdev->dev);
	KUNIT_EXPECT_FALSE(test, pci_dev_msi_enabled(pdev));
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
	KUNIT_EXPECT_PTR_EQ(test, pdev->dev.msi.data, NULL);
	pci_dev_put(pdev);
}

static int alloc(struct pci_dev *pdev)
{
	return pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
}

static void after_pcim_enable_device(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);

	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	pcim_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, pci_dev_msi_enabled(pdev));
	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	KUNIT_EXPECT_TRUE(test, pci_dev_msi_enabled(pdev));
	unbind(test, pdev);
}

/* With the option off nobody would free the vectors. */
static void without_pcim_enable_device(struct kunit *test)
{
	struct pci_dev *pdev = bind_and_enable(test, false);

	EXPECT_OFF_ON(test, alloc(pdev), -EINVAL, 1);
	unbind(test, pdev);
}

static void intx_without_pcim_enable_device(struct kunit *test)
{
	struct pci_dev *pdev = bind_and_enable(test, false);

	EXPECT_OFF_ON(test, pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX), -EINVAL, 1);
	unbind(test, pdev);
}

static void second_allocation(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);
	int ret = alloc(pdev);

	KUNIT_EXPECT_EQ(test, ret, 1);
	kunit_warning_suppress(test) {
		ret = alloc(pdev);
		EXPECT_OFF_ON(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1, 0);
	}
	EXPECT_OFF_ON(test, ret, -EINVAL, -EBUSY);
	unbind(test, pdev);
}

/* With the option off the call returns INTx, although the device uses MSI. */
static void second_allocation_of_any_type(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);
	int ret = alloc(pdev);

	KUNIT_EXPECT_EQ(test, ret, 1);
	kunit_warning_suppress(test) {
		ret = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
		EXPECT_OFF_ON(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1, 0);
	}
	EXPECT_OFF_ON(test, ret, 1, -EBUSY);
	unbind(test, pdev);
}

static void freed_by_the_explicit_call(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);

	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	pci_free_irq_vectors(pdev);
	EXPECT_OFF_ON(test, pci_dev_msi_enabled(pdev), false, true);
	unbind(test, pdev);
}

static void managed_free_of_explicit_vectors(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);

	KUNIT_EXPECT_EQ(test, pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI), 1);
	pcim_free_irq_vectors(pdev);
	EXPECT_OFF_ON(test, pci_dev_msi_enabled(pdev), false, true);
	pci_free_irq_vectors(pdev);
	unbind(test, pdev);
}

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* With the option off the handler leaks, and its files in /proc as well. */
static void freed_under_a_handler(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);
	int irq;

	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	irq = pci_irq_vector(pdev, 0);
	KUNIT_EXPECT_EQ(test, request_irq(irq, handler, 0, "both_kernels", pdev), 0);
	kunit_warning_suppress(test) {
		pcim_free_irq_vectors(pdev);
		EXPECT_OFF_ON(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 1, 0);
	}
	EXPECT_OFF_ON(test, pci_dev_msi_enabled(pdev), false, true);
	free_irq(irq, pdev);
	unbind(test, pdev);
}

/*
 * This tests a later allocation. With the option off the entry that frees is in the place of the
 * first allocation.
 */
static void alloc_anew(struct kunit *test, struct pci_dev *pdev)
{
	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	pcim_free_irq_vectors(pdev);
}

static void released_with_the_group(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);
	void *group;

	alloc_anew(test, pdev);
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	devres_release_group(&pdev->dev, group);
	EXPECT_OFF_ON(test, pci_dev_msi_enabled(pdev), true, false);
	unbind(test, pdev);
}

static struct {
	bool live;
	int allocated;
} seen;

static void look(void *pdev)
{
	seen.live = pci_dev_msi_enabled(pdev);
	seen.allocated = seen.live ? 0 : alloc(pdev);
}

static void freed_before_what_is_older(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);

	alloc_anew(test, pdev);
	KUNIT_EXPECT_EQ(test, devm_add_action(&pdev->dev, look, pdev), 0);
	KUNIT_EXPECT_EQ(test, alloc(pdev), 1);
	unbind(test, pdev);
	EXPECT_OFF_ON(test, seen.live, true, false);
}

static void allocation_during_detach(struct kunit *test)
{
	struct pci_dev *pdev = bind(test);

	alloc_anew(test, pdev);
	KUNIT_EXPECT_EQ(test, devm_add_action(&pdev->dev, look, pdev), 0);
	unbind(test, pdev);
	EXPECT_OFF_ON(test, seen.allocated, 1, -ENODEV);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(after_pcim_enable_device),
	KUNIT_CASE(without_pcim_enable_device),
	KUNIT_CASE(intx_without_pcim_enable_device),
	KUNIT_CASE(second_allocation),
	KUNIT_CASE(second_allocation_of_any_type),
	KUNIT_CASE(freed_by_the_explicit_call),
	KUNIT_CASE(managed_free_of_explicit_vectors),
	KUNIT_CASE(freed_under_a_handler),
	KUNIT_CASE(released_with_the_group),
	KUNIT_CASE(freed_before_what_is_older),
	KUNIT_CASE(allocation_during_detach),
	{ }
};

static int suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_suite suite = {
	.name = "pci_irq_vectors_both_kernels",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Where the managed interrupt-vector calls differ with CONFIG_PCI_DEVRES_RUST");
MODULE_LICENSE("GPL");
