#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Drivers that the semantic patch converts, on hardware that QEMU has: they bind, work, unbind, and bind again.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

rounds=20

# wait_for COMMAND...: until it succeeds, ten seconds at most.
wait_for()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 100000
	done
}

# --- ahci: a disk that can be read ---

# Sets $disk to the disk behind $dev.
find_disk()
{
	for disk in "$pci/devices/$dev"/ata*/host*/target*/*/block/*; do
		[ -e "$disk" ] && disk=/dev/${disk##*/} && [ -b "$disk" ] && return 0
	done
	return 1
}

ahci_works()
{
	wait_for find_disk || diag "no disk behind $dev" || return
	find_irqs
	count_irqs
	earlier=$count
	# Directly, past the page cache: every round is to reach the device.
	dd if="$disk" of=/dev/null bs=4096 count=8 iflag=direct 2>/tmp/dd || diag_lines </tmp/dd || return
	count_irqs
	[ "$count" -gt "$earlier" ] || diag "reading $disk raised no interrupt on $kind $irqs"
}

# --- snd_hda_intel: a card with its codec ---

# The codec is probed by a work item after the driver has bound.
has_card()
{
	for card in "$pci/devices/$dev"/sound/card*/controlC*; do
		[ -e "$card" ] && return 0
	done
	return 1
}

snd_hda_intel_works()
{
	wait_for has_card || diag "no sound card behind $dev" || return
	find_irqs
	count_irqs
	# Codec answers may be polled for, so that the interrupt is only required to be there.
	grep -q "^ *${irqs%% *}:" /proc/interrupts || diag "$dev handles no interrupt"
}

# --- both ---

bind_and_use()
{
	bind "$1" && "$1_works"
}

rebind()
{
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		bind_and_use "$1" && unbind "$1" && as_before && continue
		diag "round $round of $rounds"
		return
	done
}

# Whoever looked at the disk or the card last may still be closing it.
remove()
{
	wait_for rmmod "$1" 2>/tmp/rmmod || diag_lines </tmp/rmmod
}

driver()
{
	subtest "$1" 8
	find_device "$2"
	remember
	check load modprobe "$1"
	check works eval "is_bound $1 && $1_works"
	check unbind unbind "$1"
	check unbind_leaves_nothing as_before
	check "rebind_$rounds" rebind "$1"
	check bind_again bind_and_use "$1"
	check remove_while_bound remove "$1"
	check remove_leaves_nothing as_before
	subtest_end
}

plan 2
driver ahci class:010601
driver snd_hda_intel class:040300
