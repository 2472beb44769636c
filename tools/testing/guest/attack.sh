#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs safe programs that try to break the kernel: a driver in Rust that prints KTAP of its own each time it binds. Nothing of
# it may be left once it is unbound. The module is not removed, because its statics keep memory that would then leak.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

driver=ownership_attack

all()
{
	for dev in $devices; do
		"$1" "$driver" || return
	done
}

# Reads the file that is open, or a new one.
reads_open()
{
	cat <&3 >/tmp/read 2>/tmp/said
}

reads_new()
{
	cat /dev/attack >/tmp/read 2>/tmp/said && [ "$(cat /tmp/read)" = ed ]
}

# An open file outlives the driver. What it keeps is useless then, also with the next driver.
file_outlives_driver()
{
	dev=$edu
	exec 3</dev/attack
	reads_open || diag_lines </tmp/said || return
	unbind "$driver"
	! reads_open || diag "the open file uses the device" || return
	[ ! -e /dev/attack ] || diag "the file is still there" || return
	bind "$driver"
	! reads_open || diag "the open file uses the device of the next driver" || return
	grep -q 'No such device' /tmp/said || diag_lines </tmp/said || return
	reads_new || diag_lines </tmp/said
}

# The module's document comes before that of the script.
said_nothing()
{
	[ ! -s /tmp/file ] || diag_lines </tmp/file
}

# Returns whether each call has succeeded by now. Every unbind prints how often it did.
have_succeeded()
{
	dmesg | grep 'storm: ' | tail -n 10 >/tmp/storm
	[ "$(grep -c 'storm: [a-z]* [1-9]' /tmp/storm)" = 10 ]
}

# All tasks make any call, while the drivers of both devices are bound and unbound.
storm()
{
	all bind || return
	for round in 1 2 3 4 5; do
		usleep "${round}00000"
		all unbind && all bind || return
	done
	# Chance decides which calls succeed. The driver is bound again until each call has succeeded.
	for round in 1 2 3 4 5 6 7 8 9 10; do
		sleep 2
		all unbind || return
		! have_succeeded || return 0
		all bind || return
	done
	all unbind
}

calls_succeeded()
{
	have_succeeded || diag_lines </tmp/storm
}

find_device 1234:11e8 && edu=$dev
find_device 8086:10d3 && e1000e=$dev
devices="$edu $e1000e"
remember
# Each of these binds prints a document. The binds after them belong to the storm of calls.
modprobe "$driver"
all unbind
all bind
file_outlives_driver >/tmp/file || echo failed >>/tmp/file
exec 3<&-
dev=$e1000e
unbind "$driver"
bind "$driver"
plan 6
check file_outlives_driver said_nothing
check unbinds all unbind
check leaves_nothing as_before
check storm storm
check calls_succeeded calls_succeeded
check leaves_nothing_again as_before
