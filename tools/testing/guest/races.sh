#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script does several things at a time: it binds, unbinds, removes the module and reads its state, all at once. Nothing may
# break, and nothing may be left. How often a command succeeds depends on timing, but each must succeed once.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

seconds=5

# forever COMMAND: repeats the command until the time is up, whether it succeeds or not.
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

# The command may come while probe runs, and then waits for it.
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

# Checks that each command has succeeded at least once.
all_won()
{
	[ -s /tmp/won.try_bind ] && [ -s /tmp/won.try_unbind ] && [ -s /tmp/won.try_reload ]
}

# Lets the commands race for some seconds, and longer if one of them has not succeeded by then.
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

# until_said PATTERN N: waits until PATTERN is in the kernel's log N times since the log was cleared.
until_said()
{
	waited=0
	until [ "$(dmesg | grep -c "$1")" -ge "$2" ]; do
		[ "$waited" -lt 60 ] || diag "the kernel did not say '$1' $2 times" || return
		sleep 1
		waited=$((waited + 1))
	done
}

# One of two work items frees the vectors whose handlers the other releases.
two_allocate()
{
	until_said 'race: .* times' 2
	dmesg >/tmp/race
	[ "$(grep -c 'race: [a-z]* [1-9][0-9]* times' /tmp/race)" = 2 ] || diag_lines </tmp/race
}

# Each work item must have found the other at work; otherwise they did not run at the same time.
met()
{
	[ "$(grep -c 'race: [a-z]* [0-9]* times, [1-9][0-9]* busy' /tmp/race)" = 2 ] || diag_lines </tmp/race
}

# Unbinds the driver while the work items are at work.
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

# in_time COMMAND...: checks that the command ends soon. If it does not, it goes on in the background.
in_time()
{
	rm -f /tmp/ended
	{
		"$@" >/tmp/output 2>&1
		echo "$?" >/tmp/ended
	} &
	wait_for test -s /tmp/ended || diag "does not end: $*" || return
	read -r status </tmp/ended
	[ "$status" = 0 ] || diag_lines </tmp/output
}

# Checks that the list shows the device that hangs, and the owner of its vectors.
lists_hanging()
{
	in_time cat /sys/kernel/debug/pci_irq_vectors || return
	grep -q "^$dev .* device .* MSI *$" /tmp/output || diag_lines </tmp/output
}

reads_sysfs()
{
	in_time sh -c "cat $pci/devices/$dev/msi_irqs/* /proc/interrupts"
}

is_bound_now()
{
	[ -e "$pci/devices/$dev/driver" ]
}

# A driver hangs in probe and holds the lock of its device, and that of its vectors.
hangs()
{
	modprobe ownership_hang &
	wait_for test -e "$pci/devices/$dev/msi_irqs" || diag "$dev has no vectors"
}

go_on()
{
	echo N >/sys/module/ownership_hang/parameters/hang
	wait_for is_bound_now || diag "$dev still hangs"
}

# While one device hangs, readers and the drivers of other devices must go on.
hanging()
{
	other=rust_driver_pci_msix
	subtest ownership_hang 9
	driver=ownership_hang
	find_device 8086:10d3
	other_dev=$dev
	find_device 1234:11e8
	remember
	check other_binds modprobe "$other"
	check hangs hangs
	check debugfs lists_hanging
	check sysfs reads_sysfs
	# This runs in the background, because it may be stuck behind the device that hangs.
	cat /sys/kernel/debug/pci_irq_vectors >/dev/null &
	check other_unbinds in_time sh -c "echo $other_dev >$pci/drivers/$other/unbind"
	check other_binds_again in_time sh -c "echo $other_dev >$pci/drivers/$other/bind"
	check goes_on go_on
	wait
	check other_is_removed rmmod "$other"
	check leaves_nothing settled
	subtest_end
}

# A reader of the list must find whole lines meanwhile, and an owner in each.
misread()
{
	awk 'NR == 1 { next }
		NF != 6 || $3 !~ /^(driver|device)$/ || $4 !~ /^(yes|no)$/ || $5 !~ /^(yes|no)$/ || $6 !~ /^MSI(-X)?$/' "$1"
}

look_on()
{
	until [ -e /tmp/stop ]; do
		cat /sys/kernel/debug/pci_irq_vectors >/tmp/list
		misread /tmp/list >>/tmp/misread
		tail -n +2 /tmp/list >>/tmp/looked
		cat /proc/interrupts /sys/kernel/irq/*/* "$pci"/devices/*/msi_irqs/* >/dev/null 2>&1
	done
}

# One CPU makes every call for vectors while another one reads their state. The test prints a document of its own before ours.
watched()
{
	find_device 1234:11e8
	remember
	rm -f /tmp/stop
	: >/tmp/misread
	: >/tmp/looked
	look_on &
	modprobe pci_ownership_kunit && rmmod pci_ownership_kunit && passed=true
	touch /tmp/stop
	wait
}

passed=false
watched
plan 6
subtest watched 4
check provoke "$passed"
check looked test -s /tmp/looked
check reads_whole_lines eval '[ ! -s /tmp/misread ] || diag_lines </tmp/misread'
check leaves_nothing as_before
subtest_end
hanging
allocations
race rust_driver_pci_explicit 1234:11e8
race rust_driver_pci_managed 1234:11e8
race rust_driver_pci_msix 8086:10d3
