#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Counts instructions of managed PCI resources and interrupt vectors; what the modules print is for the runner to read.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

# The module binds what it measures.
echo 0 >"$pci/drivers_autoprobe"
for driver in ahci e1000e nvme; do
	modprobe "$driver"
done

plan 1
subtest bench 2
# What only our kernel has counts by itself when it binds.
if modprobe pci_bench_rust 2>/dev/null; then
	find_device 1234:11e8
	bind pci_bench_rust
	unbind pci_bench_rust
fi
check measures modprobe pci_bench
check removes rmmod pci_bench
subtest_end
