#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script does things to a device while a driver has vectors of it: it suspends, resets, removes and unplugs the device, and
# makes it interrupt while its driver binds and unbinds. It raises interrupts by writing to registers through /dev/mem.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

# config BRIDGE OFFSET COUNT FILE: reads so many bytes of the configuration space into a file.
config()
{
	dd if="$1/config" bs=1 skip="$2" count="$3" of="$4" 2>/dev/null
}

# set_config BRIDGE OFFSET FILE: writes them back.
set_config()
{
	dd if="$3" bs=1 seek="$2" of="$1/config" conv=notrunc 2>/dev/null
}

# Unplugs the device without telling its driver: the port above it serves no bus and forwards nothing, so that reads from the
# device return all ones. The driver is told when the device is removed, and binds to the next device that is plugged in.
survives_surprise()
{
	port=$(readlink -f "$pci/devices/$dev")
	port=${port%/*}
	config "$port" 4 2 /tmp/command
	config "$port" 24 3 /tmp/buses
	printf '\0\0\0' >/tmp/zeros
	head -c 2 /tmp/zeros >/tmp/two_zeros
	set_config "$port" 4 /tmp/two_zeros
	set_config "$port" 24 /tmp/zeros
	config "$pci/devices/$dev" 0 4 /tmp/seen
	[ "$(hexdump -e '4/1 "%02x"' /tmp/seen)" = ffffffff ] || diag "$dev still answers" || return
	read_irqs || return
	echo 1 >"$pci/devices/$dev/remove"
	[ ! -e "$pci/devices/$dev" ] || diag "$dev is still there" || return
	read_irqs || return
	set_config "$port" 24 /tmp/buses
	set_config "$port" 4 /tmp/command
	echo 1 >"$pci/rescan"
	is_bound "$driver" && each_vector_interrupts
}

rebinds_in_a_storm()
{
	rm -f /tmp/stop
	storm &
	round=0
	while [ "$round" -lt 50 ]; do
		round=$((round + 1))
		[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver" || break
		# The driver takes an interrupt for the end of its computation, and does not bind if one came too early.
		bind "$driver" >/dev/null 2>&1
	done
	touch /tmp/stop
	wait
	[ -e "$pci/drivers/$driver/$dev" ] || bind "$driver" || diag "round $round of 50"
}

# events NAME ID DRIVER TESTS [PARAMETER]
events()
{
	driver=$3
	subtest "$1" "$4"
	find_device "$2"
	# The device may get other addresses when it is found again, and keeps those.
	echo 1 >"$pci/devices/$dev/remove"
	echo 1 >"$pci/rescan"
	remember
	# shellcheck disable=SC2086 # none or one
	check load modprobe "$driver" $5
	check interrupts each_vector_interrupts
	check suspend same_vectors survives_suspend
	check reset same_vectors survives_reset
	check removal survives_removal
	check surprise survives_surprise
	[ "$driver" = rust_driver_pci_msix ] || check rebinds_in_a_storm rebinds_in_a_storm
	check unbind unbind "$driver"
	check suspend_afterwards survives_suspend
	check leaves_nothing as_before
	rmmod "$driver"
	subtest_end
}

plan 4
events explicit 1234:11e8 rust_driver_pci_explicit 10
events managed 1234:11e8 rust_driver_pci_managed 10
events msix_explicit 8086:10d3 rust_driver_pci_msix 9 managed=N
events msix_managed 8086:10d3 rust_driver_pci_msix 9 managed=Y
