// SPDX-License-Identifier: GPL-2.0
/* The devices of the suites, and the driver as which each case acts. */

#include <linux/module.h>

#include "suite.h"

void hardware_name(const struct hardware *hw, char *desc)
{
	strscpy(desc, hw->name, KUNIT_PARAM_DESC_SIZE);
}

static int (*probe_of_case)(struct pci_dev *pdev);
void (*remove_of_case)(struct pci_dev *pdev);

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return probe_of_case ? probe_of_case(pdev) : -ENODEV;
}

static void remove(struct pci_dev *pdev)
{
	if (remove_of_case)
		remove_of_case(pdev);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ PCI_DEVICE(0x8086, 0x10d3) },
	{ PCI_DEVICE(0x8086, 0x2415) },
	{ PCI_DEVICE(0x1b36, 0x0005) },
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{ PCI_DEVICE(0x1b36, 0x0001) },
	{ PCI_DEVICE(0x8086, 0x2922) },
	{ }
};

static struct pci_driver driver = {
	.name = "devres_suite",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
};

int bind_with(struct pci_dev *pdev, int (*probe)(struct pci_dev *pdev))
{
	int ret;

	say("bind");
	probe_of_case = probe;
	ret = device_attach(&pdev->dev);
	probe_of_case = NULL;
	say("  = %d", ret);
	return ret;
}

static int probe_nothing(struct pci_dev *pdev)
{
	return 0;
}

void bind(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, bind_with(dev_of(test), probe_nothing), 1);
}

void bind_enabled(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, bind_with(dev_of(test), enable), 1);
}

static void release_driver(struct pci_dev *pdev)
{
	say("detach");
	device_release_driver(&pdev->dev);
	remove_of_case = NULL;
}

void detach(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	release_driver(pdev);
	show(pdev);
	EXPECT_STATE(test, 0, 0);
	KUNIT_EXPECT_EQ(test, entries(pdev), 0);
	KUNIT_EXPECT_FALSE(test, pdev->is_managed);
}

struct pci_dev *find_hardware(struct kunit *test, const struct hardware *hw)
{
	struct pci_dev *pdev = pci_get_device(hw->vendor, hw->device, NULL);

	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "no %s in this machine", hw->name);
	return pdev;
}

static void name_case(struct kunit *test, const char *which)
{
	const struct hardware *hw = test->param_value;

	printk(KERN_INFO "compare: %s %s%s%s\n", which, test->name, hw ? "." : "", hw ? hw->name : "");
}

static u16 command_before;

int case_init(struct kunit *test)
{
	static const struct hardware edu = EDU;
	struct pci_dev *pdev = find_hardware(test, test->param_value ?: &edu);

	test->priv = pdev;
	command_before = command(pdev);
	name_case(test, "begin");
	watch(pdev);
	return 0;
}

/* Whatever the result of the case, the next one finds the device in its original state. */
void case_exit(struct kunit *test)
{
	struct pci_dev *pdev = dev_of(test);

	if (!pdev)
		return;
	if (pdev->dev.driver)
		release_driver(pdev);
	unwatch();
	name_case(test, "end");
	pdev->error_state = pci_channel_io_normal;
	pdev->pinned = false;
	while (pci_is_enabled(pdev))
		pci_disable_device(pdev);
	pci_write_config_word(pdev, PCI_COMMAND, command_before);
	pci_dev_put(pdev);
	test->priv = NULL;
}

static int __init devres_suite_init(void)
{
	int ret = watch_init();

	if (ret)
		return ret;
	ret = pci_register_driver(&driver);
	if (ret)
		watch_exit();
	return ret;
}

static void __exit devres_suite_exit(void)
{
	pci_unregister_driver(&driver);
	watch_exit();
}

module_init(devres_suite_init);
module_exit(devres_suite_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of device-managed PCI resources, for two kernels");
