#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script makes every memory allocation that a driver needs to bind fail once, one after the other. Each time the driver must
# bind or not bind, and leave nothing. Needs a kernel with CONFIG_FAILSLAB.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

# shellcheck source=tools/testing/guest/lib/failslab.sh
. /scripts/lib/failslab.sh

faults()
{
	driver=$1
	subtest "$driver" 5
	find_device "$2"
	enabled
	remember
	modprobe "$driver"
	check unbind unbind "$driver"
	check every_allocation_fails allocations_fail 1
	check binds_again bind "$driver"
	rmmod "$driver"
	check leaves_nothing as_before
	check nothing_else_reported nothing_else_reported
	subtest_end
}

plan 3
faults rust_driver_pci_explicit 1234:11e8
faults rust_driver_pci_managed 1234:11e8
faults rust_driver_pci_msix 8086:10d3
