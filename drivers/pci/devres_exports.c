// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of the device-managed PCI resources, which devres_rust.rs defines.
 *
 * Each symbol has the export class of its original in devres.c.
 */

#include <linux/export.h>
#include <linux/pci.h>

EXPORT_SYMBOL(devm_pci_remap_iospace);
EXPORT_SYMBOL(devm_pci_remap_cfgspace);
EXPORT_SYMBOL(devm_pci_remap_cfg_resource);
EXPORT_SYMBOL(pcim_set_mwi);
EXPORT_SYMBOL_GPL(pcim_intx);
EXPORT_SYMBOL(pcim_enable_device);
EXPORT_SYMBOL(pcim_pin_device);
EXPORT_SYMBOL(pcim_iomap_table);
EXPORT_SYMBOL(pcim_iomap);
EXPORT_SYMBOL(pcim_iounmap);
EXPORT_SYMBOL(pcim_iomap_region);
EXPORT_SYMBOL(pcim_iounmap_region);
EXPORT_SYMBOL(pcim_iomap_regions);
EXPORT_SYMBOL(pcim_request_region);
EXPORT_SYMBOL(pcim_request_all_regions);
EXPORT_SYMBOL(pcim_iomap_range);
