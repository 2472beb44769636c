#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script tests the ownership rule with interrupt remapping: a device may have several MSI vectors, which share one
# descriptor, and the samples interrupt through the IOMMU.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh
# shellcheck source=tools/testing/guest/lib/edu.sh
. /scripts/lib/edu.sh

are_remapped()
{
	grep -q 'IR-' /proc/interrupts || diag_lines </proc/interrupts
}

# sample NAME
sample()
{
	driver=rust_driver_pci_$1
	subtest "$1" 5
	mark
	check load modprobe "$driver"
	check interrupt in_use "$driver"
	check remapped are_remapped
	check unbind unbind "$driver"
	check leaves_nothing as_before
	rmmod "$driver"
	subtest_end
}

test_module ownership_multi_msi

find_device 1234:11e8
remember
plan 2
sample managed
sample explicit
