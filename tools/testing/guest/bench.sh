#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Counts instructions of managed PCI resources and interrupt vectors; what the module prints is for the runner to read.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

# The module binds what it measures.
echo 0 >"$pci/drivers_autoprobe"
for driver in ahci e1000e nvme; do
	modprobe "$driver"
done
# What only our kernel has.
for driver in rust_driver_pci_explicit rust_driver_pci_managed rust_driver_pci_msix pci_bench_handler; do
	modprobe "$driver" 2>/dev/null
done

plan 1
subtest bench 2
check measures modprobe pci_bench
check removes rmmod pci_bench
subtest_end
