#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Probe of converted drivers of the tree fails on demand: memory allocations that it takes fail, one each time. The driver then
# binds all the same or not at all, nothing is left, and no vector is leaked. Needs a kernel with CONFIG_FAILSLAB.

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

# Every STEPth, until there are less: a disk or a sound card takes hundreds, and seconds each time.
allocations_fail()
{
	nth=$1 step=$1 failed=0 tried=0
	while :; do
		fail "$nth"
		tried=$((tried + 1))
		if [ -e "$pci/drivers/$driver/$dev" ]; then
			unbind "$driver" || return
		else
			failed=$((failed + 1))
		fi
		as_before || diag "after allocation $nth failed" || return
		[ "$left" = 0 ] || break
		nth=$((nth + step))
	done
	echo "$ktap_indent# $tried of $nth allocations failed, $failed of them let probe fail"
	[ "$failed" -gt 3 ] || diag "only $failed failures: is failslab at work?"
}

leaks_nothing()
{
	! dmesg | grep 'irq vectors: .*leaked by the driver' >/tmp/leaks || diag_lines </tmp/leaks
}

# faults NAME MODULE DRIVER DEVICE STEP
faults()
{
	driver=$3
	subtest "$1" 5
	find_device "$4"
	remember
	modprobe "$2"
	[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver"
	check allocations_fail allocations_fail "$5"
	check leaks_nothing leaks_nothing
	check binds_again bind "$driver"
	check unbind unbind "$driver"
	rmmod "$2"
	check leaves_nothing as_before
	subtest_end
}

echo 0 >"$pci/drivers_autoprobe"
echo N >"$failslab/ignore-gfp-wait"
echo 0 >"$failslab/verbose"
plan 2
faults ahci ahci ahci class:010601 25
faults snd_hda_intel snd_hda_intel snd_hda_intel class:040300 25
