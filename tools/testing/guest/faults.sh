#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Every memory allocation that binding a driver takes fails once, one after the other. Each time the driver binds all the same
# or not at all, and nothing is left. Needs a kernel with CONFIG_FAILSLAB.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

failslab=/sys/kernel/debug/failslab

# fail NTH: binds $dev while the NTH allocation fails; $left is 0 if there were as many.
fail()
{
	# What the shell does is done by this process itself, so the count is of its allocations.
	echo "$1" >/proc/self/fail-nth
	echo "$dev" >"$pci/drivers/$driver/bind"
	read -r left </proc/self/fail-nth
	echo 0 >/proc/self/fail-nth
} 2>/dev/null

every_allocation_fails()
{
	nth=0 failed=0
	while :; do
		nth=$((nth + 1))
		fail "$nth"
		if [ -e "$pci/drivers/$driver/$dev" ]; then
			unbind "$driver" || return
		else
			failed=$((failed + 1))
		fi
		as_before || diag "after allocation $nth failed" || return
		[ "$left" = 0 ] || break
	done
	echo "$ktap_indent# of $((nth - 1)) allocations, $failed are needed to bind"
	[ "$failed" -gt 10 ] || diag "only $failed failures: is failslab at work?"
}

faults()
{
	driver=$1
	subtest "$driver" 4
	find_device "$2"
	remember
	modprobe "$driver"
	check unbind unbind "$driver"
	check every_allocation_fails every_allocation_fails
	check binds_again bind "$driver"
	rmmod "$driver"
	check leaves_nothing as_before
	subtest_end
}

echo N >"$failslab/ignore-gfp-wait"
echo 0 >"$failslab/verbose"
plan 3
faults rust_driver_pci_explicit 1234:11e8
faults rust_driver_pci_managed 1234:11e8
faults rust_driver_pci_msix 8086:10d3
