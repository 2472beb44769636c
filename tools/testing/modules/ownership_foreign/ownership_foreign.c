// SPDX-License-Identifier: GPL-2.0
/*
 * C code that frees the vectors of QEMU's edu whatever its driver is, as a library does that does
 * not know that the driver is in Rust.
 */

#include <linux/module.h>
#include <linux/pci.h>

static bool managed;
module_param(managed, bool, 0444);
MODULE_PARM_DESC(managed, "Whether it calls pcim_free_irq_vectors(), or pci_free_irq_vectors() (default)");

static int __init ownership_foreign_init(void)
{
	struct pci_dev *pdev = pci_get_device(0x1234, 0x11e8, NULL);

	if (!pdev)
		return -ENODEV;
	if (managed)
		pcim_free_irq_vectors(pdev);
	else
		pci_free_irq_vectors(pdev);
	pci_dev_put(pdev);
	return 0;
}
module_init(ownership_foreign_init);

static void __exit ownership_foreign_exit(void)
{
}
module_exit(ownership_foreign_exit);

MODULE_DESCRIPTION("C code that frees the vectors of somebody else's driver");
MODULE_LICENSE("GPL");
