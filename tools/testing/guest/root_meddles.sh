#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Root can write to a device's files in sysfs at any moment. This script does so, one file after the other and several at once. An
# error is the worst that may happen, and nothing may be left.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

# A debug kernel takes ten times as long for each round.
rounds=20
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=5

long_word=$(head -c 5000 /dev/zero | tr '\0' 'a')

# put FILE TEXT: writes the text, and ignores errors.
put()
{
	echo "$2" >"$1"
} 2>/dev/null

# refuses FILE TEXT...: checks that writing each text is an error, and that nothing happens.
refuses()
{
	file=$1
	shift
	for text in "$@"; do
		! put "$file" "$text" || diag "${file##*/} takes '$(echo "$text" | head -c 40)'" || return
	done
}

# in_every_round COMMAND...: runs the command once in each round.
in_every_round()
{
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		"$@" || diag "round $round of $rounds" || return
	done
}

works()
{
	is_bound "$driver" && each_vector_interrupts
}

# The device is given to a driver that does not exist, and then back.
override()
{
	unbind "$driver" || return
	put "$pci/devices/$dev/driver_override" nobody
	refuses "$pci/drivers/$driver/bind" "$dev" || return
	put "$pci/drivers_probe" "$dev"
	is_unbound || return
	refuses "$pci/devices/$dev/driver_override" "$long_word" || return
	put "$pci/devices/$dev/driver_override" '%s%s%n%p'
	refuses "$pci/drivers/$driver/bind" "$dev" || return
	put "$pci/devices/$dev/driver_override" ''
	bind "$driver"
}

names()
{
	refuses "$pci/drivers/$driver/bind" "$dev" '' nowhere '%s%s%n' "$long_word" || return
	refuses "$pci/drivers/$driver/unbind" '' nowhere '%s%s%n' "$other" "$long_word" || return
	is_bound "$driver"
}

# Linux 7.3 takes a new ID only with the data of an ID that the driver has. For drivers in Rust that is the address of a value, which
# users do not know.
ids()
{
	refuses "$pci/drivers/$driver/new_id" '' x '%s%s%n' "$long_word" "$other_id" &&
		refuses "$pci/drivers/$driver/remove_id" '' x '%s%s%n' "$long_word" "$other_id" && is_bound "$driver"
}

resets()
{
	survives_reset && works
}

goes_and_comes()
{
	put "$pci/devices/$dev/remove" 1
	[ ! -e "$pci/devices/$dev" ] || diag "$dev is still there" || return
	put "$pci/rescan" 1
	is_bound "$driver"
}

# Each of these uses the device while the others do.
meddle()
{
	turn=0
	while [ "$turn" -lt $((rounds * 3)) ]; do
		turn=$((turn + 1))
		case $1 in
		bind) put "$pci/drivers/$driver/unbind" "$dev" && put "$pci/drivers/$driver/bind" "$dev" ;;
		override)
			put "$pci/devices/$dev/driver_override" nobody
			put "$pci/devices/$dev/driver_override" ''
			;;
		reset) put "$pci/devices/$dev/reset" 1 ;;
		remove) put "$pci/devices/$dev/remove" 1 && put "$pci/rescan" 1 ;;
		affinity)
			for file in /proc/irq/*/smp_affinity; do
				put "$file" $((turn % 3 + 1))
			done
			;;
		look) read_irqs >/dev/null ;;
		esac
	done
} 2>/dev/null

# All of them run at once. Then the device is found again, and works.
at_once()
{
	for what in bind override reset remove affinity look; do
		meddle "$what" &
	done
	wait
	put "$pci/rescan" 1
	put "$pci/devices/$dev/driver_override" ''
	[ -e "$pci/drivers/$driver/$dev" ] || bind "$driver" || return
	works
}

# Lists files that everybody may use.
open_to_all()
{
	find /dev ! -type l -perm /006 | sort
}

adds_no_open_file()
{
	[ "$opened" = "$(open_to_all)" ] || open_to_all | diag_lines
}

# as_user COMMAND: runs it for a user without rights.
as_user()
{
	su user -c "$1" >/dev/null 2>&1
}

keeps_users_out()
{
	echo 'user:x:1000:1000::/:/bin/sh' >/etc/passwd
	as_user true || diag "there is no other user" || return
	for file in /sys/kernel/debug/pci_irq_vectors /sys/kernel/tracing/events/pci_irq_vectors; do
		[ -e "$file" ] && ! as_user "ls $file" || diag "users can look at $file" || return
	done
	for file in "$pci/drivers/$driver"/*bind "$pci/drivers/$driver"/*_id "$pci/devices/$dev"/remove "$pci/devices/$dev"/driver_override; do
		[ -e "$file" ] && ! as_user "echo $dev >$file" || diag "users can write to $file" || return
	done
	is_bound "$driver"
}

settled()
{
	rmmod "$driver" && as_before
}

# meddles NAME ID OTHER-ID DRIVER [PARAMETER]
meddles()
{
	driver=$4
	subtest "$1" 11
	find_device "$3"
	other=$dev other_id=$(echo "$3" | tr : ' ')
	find_device "$2"
	# The device may get other addresses when it is found again, and keeps those.
	put "$pci/devices/$dev/remove" 1
	put "$pci/rescan" 1
	remember
	opened=$(open_to_all)
	# shellcheck disable=SC2086 # none or one
	check load modprobe "$driver" $5
	check works works
	check override in_every_round override
	check names in_every_round names
	check ids in_every_round ids
	check resets in_every_round resets
	check goes_and_comes in_every_round goes_and_comes
	check at_once at_once
	check adds_no_open_file adds_no_open_file
	check keeps_users_out keeps_users_out
	check leaves_nothing settled
	subtest_end
}

plan 4
meddles explicit 1234:11e8 8086:10d3 rust_driver_pci_explicit
meddles managed 1234:11e8 8086:10d3 rust_driver_pci_managed
meddles msix_explicit 8086:10d3 1234:11e8 rust_driver_pci_msix managed=N
meddles msix_managed 8086:10d3 1234:11e8 rust_driver_pci_msix managed=Y
