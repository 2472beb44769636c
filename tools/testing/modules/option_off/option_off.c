// SPDX-License-Identifier: GPL-2.0
/*
 * The managed calls of a converted driver where CONFIG_PCI_DEVRES_RUST is off:
 * pcim_enable_device() decides who frees, as it always did.
 */

#include <kunit/test.h>
#include <linux/module.h>
#include <linux/pci.h>

#ifdef CONFIG_PCI_DEVRES_RUST
#error "This is to be built with CONFIG_PCI_DEVRES_RUST off."
#endif

/* What probe got, call by call; the cases look at it while the driver is bound. */
static struct {
	bool enables;
	int enabled, allocated;
} probed;

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	probed.enabled = probed.enables ? pcim_enable_device(pdev) : 0;
	probed.allocated = pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	return 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver driver = {
	.name = "option_off",
	.id_table = ids,
	.probe = probe,
};

static struct pci_dev *bind(struct kunit *test, bool enables)
{
	struct pci_dev *pdev = pci_get_device(0x1234, 0x11e8, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no edu in this machine");
	probed.enables = enables;
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	return pdev;
}

static void unbind(struct kunit *test, struct pci_dev *pdev)
{
	device_release_driver(&pdev->dev);
	KUNIT_EXPECT_FALSE(test, pci_dev_msi_enabled(pdev));
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(pdev));
	pci_dev_put(pdev);
}

/* There would be nobody to free them. */
static void refused_without_pcim_enable_device(struct kunit *test)
{
	struct pci_dev *pdev = bind(test, false);

	KUNIT_EXPECT_EQ(test, probed.allocated, -EINVAL);
	KUNIT_EXPECT_FALSE(test, pci_dev_msi_enabled(pdev));
	unbind(test, pdev);
}

static void detach_frees(struct kunit *test)
{
	struct pci_dev *pdev = bind(test, true);

	KUNIT_EXPECT_EQ(test, probed.enabled, 0);
	KUNIT_EXPECT_EQ(test, probed.allocated, 1);
	KUNIT_EXPECT_TRUE(test, pci_dev_msi_enabled(pdev));
	unbind(test, pdev);
}

static void freed_early_and_allocated_again(struct kunit *test)
{
	struct pci_dev *pdev = bind(test, true);

	pcim_free_irq_vectors(pdev);
	KUNIT_EXPECT_FALSE(test, pci_dev_msi_enabled(pdev));
	KUNIT_EXPECT_EQ(test, pcim_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI), 1);
	unbind(test, pdev);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refused_without_pcim_enable_device),
	KUNIT_CASE(detach_frees),
	KUNIT_CASE(freed_early_and_allocated_again),
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
	.name = "pci_irq_vectors_option_off",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("The managed interrupt-vector calls with CONFIG_PCI_DEVRES_RUST off");
MODULE_LICENSE("GPL");
