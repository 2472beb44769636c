#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script takes a driver from a folder outside the tree through its life: it is loaded, bound, unbound, bound again, and removed
# while bound. The kernel's command line names its modules. "phase" lines tell the runner what the kernel printed when; the "verdict"
# line for each device becomes a row of the runner's table.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

modules=
read -r words </proc/cmdline
for word in $words; do
	case $word in
	guest.modules=*) modules=${word#*=} ;;
	esac
done

# Sets $bound to "driver/device" of each device that a driver of $module is bound to.
find_bound()
{
	bound=
	for link in "$pci"/drivers/*/module; do
		[ -e "$link" ] || continue
		[ "$(basename "$(readlink "$link")")" = "$module" ] || continue
		for dev in "${link%/module}"/*:*:*.*; do
			[ ! -e "$dev" ] || bound="$bound ${dev#"$pci/drivers/"}"
		done
	done
	bound=${bound# }
}

is_loaded()
{
	[ -e "/sys/module/$module" ] || diag_lines </tmp/said
}

binds()
{
	find_bound
	[ -n "$bound" ] ||
		diag "$module bound to no device: is one of its table in qemu-devices, and did probe print why it failed?"
}

# Writes each device in $was_bound into the file $1 of its driver.
each()
{
	for pair in $was_bound; do
		echo "${pair#*/}" >"$pci/drivers/${pair%/*}/$1" || diag "$1 of ${pair#*/} failed" || return
	done
}

unbinds()
{
	each unbind
	find_bound
	[ -z "$bound" ] || diag "still bound: $bound"
}

binds_again()
{
	each bind
	find_bound
	[ "$bound" = "$was_bound" ] || diag "was bound to '$was_bound', is now to '$bound'"
}

is_removed()
{
	[ ! -e "/sys/module/$module" ] || diag_lines </tmp/said
}

# Prints a verdict for each device. An INTx line without a handler is not the driver's.
look()
{
	for pair in $was_bound; do
		dev=${pair#*/}
		find_irqs
		count_irqs
		[ "$kind" = MSI ] || handlers_of "$irqs" || kind=none irqs=- count=0
		echo "verdict module=$module driver=${pair%/*} device=$dev type=$kind irq=$irqs interrupts=$count"
	done
}

drive()
{
	module=$1
	subtest "$module" 7
	remember
	echo "phase load"
	modprobe "$module" 2>/tmp/said
	check loads is_loaded
	check binds binds
	was_bound=$bound
	look
	echo "phase unbind"
	check unbinds unbinds
	check unbind_leaves_nothing as_before
	echo "phase bind again"
	check binds_again binds_again
	echo "phase remove"
	rmmod "$module" 2>/tmp/said
	check removes is_removed
	check removal_leaves_nothing as_before
	subtest_end
}

devices=$(ls "$pci/devices")
IFS=,
# shellcheck disable=SC2086 # words
set -- $modules
unset IFS
plan "$#"
for name; do
	drive "$name"
done
