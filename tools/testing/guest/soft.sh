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

# The function behind port 0 has number 32. Once a write is over, the kernel has seen what it changes.
pulls_out_behind_a_port()
{
	echo port >$control || diag "the port is refused" || return
	for time in 1 2; do
		echo 'ids 0x50c0 0x10
express
bar 0 0x1000
plug 0' >$control || diag "the function is refused the time $time" || return
		edu=$dev
		find_device 50c0:0010 || return
		made=$dev dev=$edu
		echo "unplug 32" >$control || return
		[ ! -e "$pci/devices/$made" ] || diag "$made is still there" || return
		[ "$time" = 2 ] || echo "remove 32" >$control || return
	done
	# With the port goes what is behind it.
	echo "remove 0" >$control || return
	! echo "raise 32 0" 2>/dev/null >$control || diag "the function is still there"
}

refuses_nonsense()
{
	for text in word 'ids 1' 'bar 6 16' 'msi x' 'value 0 2 0' 'raise 0 0' 'remove 0' 'plug 0' 'port 0' 'bar 0 17
plug'; do
		! echo "$text" 2>/dev/null >$control || diag "it takes '$text'" || return
	done
}

plan 4
check makes_a_function makes_a_function
if [ ! -d /sys/bus/pci_express/drivers/pciehp ]; then
	skip pulls_out_behind_a_port "there is no hot-plug driver"
elif [ -e /proc/lockdep ]; then
	skip pulls_out_behind_a_port "lockdep reports pciehp itself, and looks no further then"
else
	check pulls_out_behind_a_port pulls_out_behind_a_port
fi
check refuses_nonsense refuses_nonsense
rmmod pci-soft
check leaves_nothing as_before
