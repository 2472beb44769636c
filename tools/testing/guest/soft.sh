#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script loads the KUnit suites that need no hardware at all: those of the software PCI bus, and of the device-managed calls
# on it. They also run in User Mode Linux, where each access to a BAR is trapped. Here the BARs are memory that the kernel lends
# to the bus. Then the script makes functions through the control file of the bus.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh

find_device 1234:11e8 || exit
remember
test_module pci-soft-kunit
test_module devres_kunit

control=/sys/kernel/debug/pci-soft/control

# A function is described in one write.
makes_a_function()
{
	echo 'ids 0x50c0 0x10
class 0xff0000 0x21
# A BAR, and what a read of it gives.
bar 0 0x1000
value 0 0x10 0x1234
plug' >$control || diag "the description is refused" || return
	edu=$dev
	find_device 50c0:0010 || return
	read -r revision <"$pci/devices/$dev/revision"
	read -r start end flags <"$pci/devices/$dev/resource"
	made=$dev dev=$edu
	[ "$revision $((end - start + 1)) $flags" = "0x21 4096 0x0000000000040200" ] ||
		diag "revision $revision, BAR 0 from $start to $end, $flags" || return
	echo "remove 0" >$control || return
	[ ! -e "$pci/devices/$made" ] || diag "$made is still there"
}

refuses_nonsense()
{
	for text in word 'ids 1' 'bar 6 16' 'msi x' 'value 0 2 0' 'raise 0 0' 'remove 0' 'bar 0 17
plug'; do
		! echo "$text" 2>/dev/null >$control || diag "it takes '$text'" || return
	done
}

plan 3
check makes_a_function makes_a_function
check refuses_nonsense refuses_nonsense
rmmod pci-soft
check leaves_nothing as_before
