#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Probe of converted drivers of the tree fails on demand: memory allocations that it takes fail, one each time. The driver then
# binds all the same or not at all, nothing is left, and no vector is leaked. Needs a kernel with CONFIG_FAILSLAB.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

# shellcheck source=tools/testing/guest/failslab.inc.sh
. /suites/failslab.inc.sh

# faults NAME MODULE DRIVER DEVICE STEP [NEEDED]
faults()
{
	driver=$3
	subtest "$1" 5
	find_device "$4"
	enabled
	remember
	modprobe "$2"
	[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver"
	check allocations_fail allocations_fail "$5" "${6:-4}"
	check binds_again bind "$driver"
	check unbind unbind "$driver"
	rmmod "$2"
	check leaves_nothing as_before
	check nothing_else_reported nothing_else_reported
	subtest_end
}

echo 0 >"$pci/drivers_autoprobe"
plan 2
faults ahci ahci ahci class:010601 101
# Not snd_hda_intel: with an allocation failing it uses its card after it has freed it, on the stock kernel as well.
# A port that cannot be registered is left out.
faults 8250_pci 8250_pci serial 1b36:0003 7 2
