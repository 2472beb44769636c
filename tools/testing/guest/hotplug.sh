#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script takes devices out of their slots while their drivers are bound. Each is behind a root port with hot-plug, which
# detaches the driver and cuts the power, and QEMU removes the device; or the power is cut first, and the driver is detached from a
# device that does not answer any more. The vectors must go whoever owns them, and whether or not the driver makes a mistake.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

list=/sys/kernel/debug/pci_irq_vectors

# expect_owner OWNER: checks who owns the vectors of $dev.
expect_owner()
{
	seen=$(awk -v dev="$dev" '$1 == dev { print $3 }' "$list")
	[ "$seen" = "$1" ] || diag "the owner is '$seen', expected $1"
}

# plug DRIVER OWNER: lets the driver bind to $dev, and sets $irqs to its vectors.
plug()
{
	bind "$1" && find_irqs && expect_owner "$2"
}

is_gone()
{
	[ ! -e "$pci/devices/$dev" ]
}

# Asks the slot of the device to be switched off.
eject()
{
	for slot in "$pci"/slots/*; do
		read -r address <"$slot/address"
		[ "$address" != "${dev%.*}" ] || echo 0 >"$slot/power"
	done
	wait_for is_gone || diag "$dev is still there"
}

# Cuts the power before anybody is told.
pull()
{
	find_port
	cut_power
	echo 1 >"$pci/devices/$dev/remove"
	wait_for is_gone || diag "$dev is still there"
}

# The device interrupts as fast as it can meanwhile.
eject_in_a_storm()
{
	rm -f /tmp/stop
	storm &
	usleep 200000
	eject
	ejected=$?
	touch /tmp/stop
	wait
	return "$ejected"
}

# Every reader is told that the disk is gone.
pull_under_readers()
{
	for reader in 1 2 3 4; do
		dd if=/dev/nvme-rust0 of=/dev/null bs=512 2>"/tmp/said.$reader" &
	done
	usleep 200000
	pull
	pulled=$?
	wait
	for reader in 1 2 3 4; do
		grep -q 'No such device' "/tmp/said.$reader" ||
			diag "reader $reader: $(head -n 1 "/tmp/said.$reader")" || return
	done
	return "$pulled"
}

# Nothing of the device is left in lists, and none of its interrupts.
left_nothing()
{
	! grep "$dev" "$list" /proc/iomem /proc/ioports || diag "$dev is still listed" || return
	for irq in $irqs; do
		[ ! -e "/proc/irq/$irq" ] || diag "irq $irq is still there" || return
	done
	read_irqs
}

# leaves NAME HOW OWNER ID DRIVER [PARAMETER...]: the module has the name of the driver.
leaves()
{
	subtest "$1" 5
	how=$2 owner=$3 driver=$5
	find_device "$4"
	shift 4
	check load modprobe "$@"
	check bind plug "$driver" "$owner"
	check leave "$how"
	check leaves_nothing left_nothing
	check remove rmmod "$driver"
	subtest_end
}

echo 0 >"$pci/drivers_autoprobe"
plan 7
leaves managed eject device 1234:11e8 rust_driver_pci_managed
leaves explicit eject driver 1234:11e8 rust_driver_pci_explicit
leaves storm eject_in_a_storm driver 1234:11e8 ownership_late late=N managed=N
leaves surprise pull device 8086:10d3 rust_driver_pci_msix managed=Y
leaves readers pull_under_readers device class:010802 rust_driver_pci_nvme
leaves leak pull driver 8086:10d3 ownership_late late=N managed=N
# This driver has freed its vectors under its handlers before the device leaves.
leaves mistake pull driver 8086:10d3 ownership_late late=Y managed=N
