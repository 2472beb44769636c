#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script binds and unbinds drivers thousands of times, while other tasks reset the devices, change affinities, raise
# interrupts, and read everything about interrupts. Memory, interrupt numbers and the CPUs' vectors must not be used up: the last
# tenth of the rounds needs no more of them than the first.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

# A round binds and unbinds both samples and the C driver of an NVMe disk once. The modules are loaded anew in every tenth.
rounds=100
[ "${long:-0}" = 0 ] || rounds=10000
# A debug kernel takes ten times as long for each round.
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=$((rounds / 10))

stop=/tmp/stop

# others COMMAND...: runs the command again and again until the end.
others()
{
	until [ -e "$stop" ]; do
		"$@"
	done >/dev/null 2>&1
}

reset_devices()
{
	for each in $devices; do
		echo 1 >"$pci/devices/$each/reset"
		usleep 5000
	done
}

change_affinities()
{
	for mask in 1 2 4 8 f; do
		for file in /proc/irq/*/smp_affinity; do
			echo "$mask" >"$file"
		done
		usleep 5000
	done
}

raise_interrupts()
{
	for dev in $first $second; do
		raise
	done
	usleep 2000
}

read_everything()
{
	read_irqs
	cat /sys/kernel/tracing/trace /proc/iomem
	usleep 5000
}

# What is in use while nothing is bound: memory in KiB, and interrupt numbers.
in_use()
{
	echo 3 >/proc/sys/vm/drop_caches
	memory=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
	numbers=$(find /proc/irq -type d -name '[0-9]*' | wc -l)
}

# turn DEVICE DRIVER: binds and unbinds. A reset at the same time may make the driver miss its interrupt, and then it does not bind.
turn()
{
	tries=0
	until echo "$1" >"$pci/drivers/$2/bind"; do
		tries=$((tries + 1))
		[ "$tries" -lt 20 ] || return
	done 2>/dev/null
	echo "$1" >"$pci/drivers/$2/unbind"
}

reload()
{
	for module in rust_driver_pci_explicit rust_driver_pci_managed nvme; do
		rmmod "$module" && modprobe "$module" || return
	done
}

tenth()
{
	round=0
	while [ "$round" -lt $((rounds / 10)) ]; do
		round=$((round + 1))
		turn "$first" rust_driver_pci_explicit && turn "$second" rust_driver_pci_managed &&
			turn "$third" nvme || diag "round $round of a tenth" || return
		[ $((round % 10)) != 0 ] || reload || return
	done
}

runs_to_the_end()
{
	rm -f "$stop"
	for what in reset_devices change_affinities raise_interrupts read_everything; do
		others "$what" &
	done
	part=0
	went=0
	while [ "$part" -lt 10 ]; do
		part=$((part + 1))
		tenth || went=1
		[ "$went" = 0 ] || break
		in_use
		[ "$part" != 1 ] || first_memory=$memory first_numbers=$numbers
		echo "$ktap_indent# after $((part * rounds / 10)) rounds: $memory KiB available, $numbers interrupt numbers"
	done
	touch "$stop"
	wait
	return "$went"
}

# The kernel frees some memory later, and readers of the trace keep some.
memory_is_back()
{
	in_use
	[ $((first_memory - memory)) -lt 4096 ]
}

memory_stays()
{
	wait_for memory_is_back || diag "$memory KiB available, $first_memory KiB after the first tenth"
}

# Interrupt numbers in use are those of other devices, and of lines that were mapped.
numbers_stay()
{
	[ "$numbers" -le "$first_numbers" ] || diag "$numbers interrupt numbers, $first_numbers after the first tenth"
}

removes()
{
	rmmod rust_driver_pci_explicit && rmmod rust_driver_pci_managed && rmmod nvme
}

echo 0 >"$pci/drivers_autoprobe"
find_device class:010802
third=$dev
find_device 1234:11e8
first=$dev
for dev in "$pci"/devices/*; do
	dev=${dev##*/}
	read -r id <"$pci/devices/$dev/device"
	[ "$id" != 0x11e8 ] || second=$dev
done
devices="$first $second $third"
echo 1 >/sys/kernel/tracing/events/pci_irq_vectors/enable
modprobe rust_driver_pci_explicit
modprobe rust_driver_pci_managed
modprobe nvme
remember

plan 1
subtest stress 5
check runs_to_the_end runs_to_the_end
check memory_stays memory_stays
check numbers_stay numbers_stay
check removes removes
check leaves_nothing as_before
subtest_end
