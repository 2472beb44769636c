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

# Two drivers that are probed at a time, each of which allocates and frees vectors of the same device.
two_allocate()
{
	dmesg -c >/dev/null
	for child in ownership_race.child.0 ownership_race.child.1; do
		echo "$child" >"$children/unbind" || return
	done
	for child in ownership_race.child.0 ownership_race.child.1; do
		echo "$child" >"$children/bind" &
	done
	wait
	dmesg >/tmp/race
	[ "$(grep -c 'race: [0-9]* allocated' /tmp/race)" = 2 ] || diag_lines </tmp/race
}

# At least one of them must have found the device busy, or they were not there at a time.
met()
{
	grep -q 'race: [0-9]* allocated, [1-9][0-9]* busy' /tmp/race || diag_lines </tmp/race
}

# The parent goes while its children are at work.
parent_goes()
{
	for child in ownership_race.child.0 ownership_race.child.1; do
		echo "$child" >"$children/unbind"
		echo "$child" >"$children/bind" 2>/dev/null &
	done
	usleep 20000
	unbind ownership_race
	wait
}

allocations()
{
	driver=ownership_race children=/sys/bus/auxiliary/drivers/ownership_race.ownership_race
	subtest "$driver" 5
	find_device 1234:11e8
	remember
	check load modprobe "$driver"
	check two_allocate two_allocate
	check met met
	check parent_goes parent_goes
	check leaves_nothing settled
	subtest_end
}

plan 4
allocations
race rust_driver_pci_explicit 1234:11e8
race rust_driver_pci_managed 1234:11e8
race rust_driver_pci_msix 8086:10d3
