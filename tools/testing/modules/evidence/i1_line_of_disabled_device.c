// SPDX-License-Identifier: GPL-2.0
/*
 * This driver requests its INTx line with devres and disables the device when it is removed, as
 * vboxguest did until 2022. remove() runs before devres, so the handler is still registered when
 * x86 unmaps the line of the device that is disabled.
 */
#include "evidence.h"

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pci_enable_device(pdev);

	if (ret)
		return ret;
	ret = devm_request_irq(&pdev->dev, pdev->irq, edu_handler, IRQF_SHARED, KBUILD_MODNAME,
			       pdev);
	if (ret)
		pci_disable_device(pdev);
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}

EDU_DRIVER("Disables the device under the handler of its line when it is removed");
