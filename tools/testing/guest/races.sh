#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Several at a time: whoever binds, unbinds, removes the module and looks on gets in each other's way. Nothing may break, and
# nothing may be left. How often a command succeeds is a matter of luck, but each must have once.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

seconds=5

# forever COMMAND: until the time is up, whether it succeeds or not.
forever()
{
	until [ -e /tmp/stop ]; do
		! "$1" 2>/dev/null || echo >>"/tmp/won.$1"
	done
}

try_bind()
{
	echo "$dev" >"$pci/drivers/$driver/bind"
}

# Also while probe is at work: it waits for it.
try_unbind()
{
	echo "$dev" >"$pci/drivers/$driver/unbind"
}

try_reload()
{
	rmmod "$driver" || return
	modprobe "$driver"
	usleep 300000
}

look()
{
	cat /sys/kernel/debug/pci_irq_vectors /proc/interrupts
	for irq in /sys/kernel/irq/*; do
		cat "$irq/chip_name" "$irq/actions" "$irq/hwirq"
	done
	cat "$pci/devices/$dev/msi_irqs"/*
}

# Whoever races has succeeded once.
all_won()
{
	[ -s /tmp/won.try_bind ] && [ -s /tmp/won.try_unbind ] && [ -s /tmp/won.try_reload ]
}

# For some seconds; longer where that was not long enough for everyone.
storm()
{
	rm -f /tmp/stop /tmp/won.*
	for command in try_bind try_bind try_unbind try_reload look; do
		forever "$command" >/dev/null &
	done
	waited=0
	until [ "$waited" -ge "$seconds" ] && all_won || [ "$waited" -ge 30 ]; do
		sleep 1
		waited=$((waited + 1))
	done
	touch /tmp/stop
	wait
	for command in try_bind try_unbind try_reload; do
		[ -s "/tmp/won.$command" ] || diag "$command never succeeded" || return
		won="$won $command $(wc -l <"/tmp/won.$command"),"
	done
	echo "$ktap_indent# succeeded:${won%,}"
	won=''
}

settled()
{
	[ ! -e "$pci/drivers/$driver" ] || rmmod "$driver"
	as_before
}

race()
{
	driver=$1
	subtest "$driver" 4
	find_device "$2"
	remember
	check load modprobe "$driver"
	check storm storm
	check leaves_nothing settled
	check binds_again eval "modprobe $driver && is_bound $driver && rmmod $driver"
	subtest_end
}

# until_said PATTERN N: waits until the kernel has said that N times since the log was cleared.
until_said()
{
	waited=0
	until [ "$(dmesg | grep -c "$1")" -ge "$2" ]; do
		[ "$waited" -lt 60 ] || diag "the kernel did not say '$1' $2 times" || return
		sleep 1
		waited=$((waited + 1))
	done
}

# Two work items, one of which frees the vectors whose handlers the other releases.
two_allocate()
{
	until_said 'race: .* times' 2
	dmesg >/tmp/race
	[ "$(grep -c 'race: [a-z]* [1-9][0-9]* times' /tmp/race)" = 2 ] || diag_lines </tmp/race
}

# Each must have met the other, or they were not there at a time.
met()
{
	[ "$(grep -c 'race: [a-z]* [0-9]* times, [1-9][0-9]* busy' /tmp/race)" = 2 ] || diag_lines </tmp/race
}

# The driver goes while they are at work.
driver_goes()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		unbind ownership_race || return
		dmesg -c >/dev/null
		bind ownership_race || return
		usleep 20000
		unbind ownership_race || return
		dmesg >/tmp/race
		[ "$(grep -c 'race: [a-z]* until unbind' /tmp/race)" = 2 ] || diag_lines </tmp/race || return
		bind ownership_race || return
	done
}

allocations()
{
	driver=ownership_race
	subtest "$driver" 5
	find_device 1234:11e8
	remember
	dmesg -c >/dev/null
	check load modprobe "$driver"
	check two_allocate two_allocate
	check met met
	check driver_goes driver_goes
	check leaves_nothing settled
	subtest_end
}

plan 4
allocations
race rust_driver_pci_explicit 1234:11e8
race rust_driver_pci_managed 1234:11e8
race rust_driver_pci_msix 8086:10d3
