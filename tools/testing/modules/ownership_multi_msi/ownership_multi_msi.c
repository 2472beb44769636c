// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test of interrupt-vector ownership with several MSI vectors, which share
 * one descriptor: QEMU's "nec-usb-xhci" with interrupt remapping. MSI-X vectors have
 * a descriptor each, so the other suites do not show this.
 */

#include <kunit/test.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/pci.h>

#define VECTORS 8

/* The two owners and their calls. */
static const struct owner {
	const char *name;
	int (*alloc)(struct pci_dev *pdev, unsigned int min, unsigned int max, unsigned int flags,
		     struct irq_affinity *affd);
	void (*free)(struct pci_dev *pdev);
} owners[] = {
	{ "driver", pci_alloc_irq_vectors_affinity, pci_free_irq_vectors },
	{ "device", pcim_alloc_irq_vectors_affinity, pcim_free_irq_vectors },
};

static void owner_name(const struct owner *owner, char *desc)
{
	strscpy(desc, owner->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(owners, owners, owner_name);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return 0;
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_NEC, 0x0194) },
	{ }
};

static struct pci_driver driver = {
	.name = "ownership_multi_msi",
	.id_table = ids,
	.probe = probe,
};

static irqreturn_t handler(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* Allocates all vectors, which have consecutive numbers. Returns the first. */
static int alloc(struct kunit *test, const struct owner *owner)
{
	struct pci_dev *pdev = test->priv;
	int i;

	KUNIT_ASSERT_EQ(test, owner->alloc(pdev, VECTORS, VECTORS, PCI_IRQ_MSI, NULL), VECTORS);
	for (i = 0; i < VECTORS; i++)
		KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, i), pdev->irq + i);
	KUNIT_EXPECT_EQ(test, pci_irq_vector(pdev, VECTORS), -EINVAL);
	return pdev->irq;
}

/* Each of the vectors is asked for its handler, and each is silenced. */
static void handler_on_any_vector_refuses(struct kunit *test)
{
	const struct owner *owner = test->param_value;
	struct pci_dev *pdev = test->priv;
	int i, j, first = alloc(test, owner);

	for (i = 0; i < VECTORS; i++) {
		KUNIT_ASSERT_EQ(test, request_irq(first + i, handler, 0, "multi_msi", pdev), 0);
		owner->free(pdev);
		KUNIT_EXPECT_TRUE_MSG(test, pdev->msi_enabled, "vector %d", i);
		for (j = 0; j < VECTORS; j++)
			KUNIT_EXPECT_TRUE_MSG(test, irqd_irq_disabled(irq_get_irq_data(first + j)),
					      "vector %d", j);
		free_irq(first + i, pdev);
		owner->free(pdev);
		KUNIT_EXPECT_FALSE_MSG(test, pdev->msi_enabled, "vector %d", i);
		first = alloc(test, owner);
	}
	owner->free(pdev);
	KUNIT_EXPECT_FALSE(test, pdev->msi_enabled);
}

/* Every handler that the driver leaked is released at detach. */
static void leaked_handlers_are_contained(struct kunit *test)
{
	const struct owner *owner = test->param_value;
	struct pci_dev *pdev = test->priv;
	int i, first = alloc(test, owner);

	for (i = 0; i < VECTORS; i++)
		KUNIT_ASSERT_EQ(test, request_irq(first + i, handler, 0, "multi_msi", pdev), 0);
	device_release_driver(&pdev->dev);
	KUNIT_EXPECT_FALSE(test, pdev->msi_enabled);
	KUNIT_EXPECT_PTR_EQ(test, pdev->dev.msi.data, NULL);
	for (i = 0; i < VECTORS; i++)
		KUNIT_EXPECT_PTR_EQ_MSG(test, irq_get_irq_data(first + i), NULL, "vector %d", i);
}

static int multi_msi_init(struct kunit *test)
{
	struct pci_dev *pdev = pci_get_device(ids[0].vendor, ids[0].device, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no device: run QEMU with -device nec-usb-xhci,msi=on,msix=off,intrs=8");
	test->priv = pdev;
	KUNIT_ASSERT_EQ(test, device_attach(&pdev->dev), 1);
	return 0;
}

static void multi_msi_exit(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	if (pdev && pdev->driver == &driver)
		device_release_driver(&pdev->dev);
	pci_dev_put(pdev);
}

static int multi_msi_suite_init(struct kunit_suite *suite)
{
	return pci_register_driver(&driver);
}

static void multi_msi_suite_exit(struct kunit_suite *suite)
{
	pci_unregister_driver(&driver);
}

static struct kunit_case multi_msi_cases[] = {
	KUNIT_CASE_PARAM(handler_on_any_vector_refuses, owners_gen_params),
	KUNIT_CASE_PARAM(leaked_handlers_are_contained, owners_gen_params),
	{}
};

static struct kunit_suite multi_msi_suite = {
	.name = "pci_irq_vectors_multi_msi",
	.suite_init = multi_msi_suite_init,
	.suite_exit = multi_msi_suite_exit,
	.init = multi_msi_init,
	.exit = multi_msi_exit,
	.test_cases = multi_msi_cases,
};
kunit_test_suite(multi_msi_suite);

MODULE_DESCRIPTION("KUnit test of PCI interrupt-vector ownership with several MSI vectors");
MODULE_LICENSE("GPL");
