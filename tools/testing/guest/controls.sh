#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs drivers of the tree that never used managed PCI resources, or not for their vectors. Nothing changes for them.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/recorded.sh
. /scripts/lib/recorded.sh
# shellcheck source=tools/testing/guest/lib/driver.sh
. /scripts/lib/driver.sh

nvme()
{
	disk nvme 'nvme/nvme*/nvme*n*'
}

megasas()
{
	disk megasas 'host*/target*/*/block/sd*'
}

pvscsi()
{
	disk vmw_pvscsi 'host*/target*/*/block/sd*'
}

wired()
{
	net 'net/*'
}

virtio_net()
{
	net 'virtio*/net/*'
}

random()
{
	interrupts virtio dd if=/dev/hwrng of=/dev/null bs=64 count=4 2>/tmp/dd || diag_lines </tmp/dd
}

# Succeeds when the tablet on the port has been identified.
xhci()
{
	wait_for find_below 'usb*/*-*/idVendor' || diag "no device on the bus of $dev" || return
	read -r vendor <"$found"
	[ "$vendor" = 0627 ] || diag "the device on the bus is $vendor"
}

for child in virtio_net virtio_rng sd_mod; do
	modprobe -q "$child"
done

plan 8
driver nvme nvme nvme class:010802 nvme
driver e1000e e1000e e1000e 8086:10d3 wired
driver virtio_net virtio_pci virtio-pci 1af4:1041 virtio_net
driver virtio_rng virtio_pci virtio-pci 1af4:1044 random
driver xhci_pci xhci_pci xhci_hcd class:0c0330 xhci
driver vmxnet3 vmxnet3 vmxnet3 15ad:07b0 wired
driver megaraid_sas megaraid_sas megaraid_sas 1000:0060 megasas
driver vmw_pvscsi vmw_pvscsi vmw_pvscsi 15ad:07c0 pvscsi
