#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script counts instructions of managed PCI resources and interrupt vectors. The runner reads what the modules print.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

# The module binds the devices that it measures.
echo 0 >"$pci/drivers_autoprobe"
for driver in ahci e1000e nvme; do
	modprobe "$driver"
done

# Only our kernel has these.
modprobe rust_driver_pci_nvme 2>/dev/null

plan 1
subtest bench 2
# The module for our kernel alone counts when it binds.
if modprobe pci_bench_rust 2>/dev/null; then
	find_device 1234:11e8
	bind pci_bench_rust
	unbind pci_bench_rust
fi
check measures modprobe pci_bench
check removes rmmod pci_bench
subtest_end
