#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script uses every route to the vectors of a device at the same time: for a C driver with a Rust driver of its child, and for a Rust
# driver with a C driver of its child. Each route must be taken often, whatever the others do. Meanwhile drivers are unbound and bound: that
# of the child, of the parent, of both, and of a child that its parent forgot.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

won=/sys/module/ownership_routes/parameters/won
least=40
# Every refusal is reported, which takes long with stack traces.
[ ! -e /sys/kernel/debug/kmemleak ] || least=5

begin()
{
	echo 0,0,0,0,0,0,0,0 >"$won"
	echo "$1" >/sys/module/ownership_routes/parameters/rounds
}

sum()
{
	IFS=,
	sum=0
	read -r counts <"$won"
	for count in $counts; do
		sum=$((sum + count))
	done
	unset IFS
}

# often N: each of the first N routes was taken often enough. The eighth number is that of vectors which another route has freed, which
# their guard must notice. Once is enough.
often()
{
	awk -F , -v n="$1" -v least="$least" '{ for (i = 1; i <= n; i++) if ($i < (i < 8 ? least : 1)) exit 1 }' "$won"
}

# taken N: waits until each of the first N numbers is high enough, and ends the traffic.
taken()
{
	begin 1000000
	waited=0
	until often "$1"; do
		[ "$waited" -lt 300 ] || diag "one way is taken too seldom: $(cat "$won")" || return
		sleep 1
		waited=$((waited + 1))
	done
	echo 0 >/sys/module/ownership_routes/parameters/rounds
	echo "$ktap_indent# taken: $(cat "$won")"
}

child_goes()
{
	for child in /sys/bus/auxiliary/drivers/*/"$1".*; do
		[ -e "$child" ] || continue
		echo "${child##*/}" >"${child%/*}/unbind"
		echo "${child##*/}" >"${child%/*}/bind"
	done
} 2>/dev/null

until_stopped()
{
	until [ -e /tmp/stop ]; do
		child_goes "$1"
	done
}

# drivers_go DRIVER CHILD: unbinds and binds the driver of the child all the time, and that of the parent some times.
drivers_go()
{
	begin 1000000
	rm -f /tmp/stop
	until_stopped "$2" &
	for _ in 1 2 3 4 5 6; do
		usleep 150000
		unbind "$1" && bind "$1" || return
	done
	touch /tmp/stop
	wait
	sum
	[ "$sum" -gt 0 ] || diag "no way was taken meanwhile"
}

# Counts the kernel's messages about a case that the modules cannot count.
said_nothing()
{
	dmesg | grep ': routes: ' >/tmp/routes
	[ ! -s /tmp/routes ] || diag_lines </tmp/routes
}

# forget BOOL: whether parents in C forget the children that they make from now on, and these children know that. A child that is
# forgotten never has vectors while others can take the device's driver away, and one that is not gives them back before.
forget()
{
	echo "$1" >/sys/module/ownership_routes/parameters/forgotten
}

# forgotten DRIVER: checks that the child stays, and finds that the device has no driver, or that it has one again.
forgotten()
{
	begin 1000000
	for _ in 1 2 3; do
		usleep 100000
		unbind "$1" || return
		usleep 50000
		bind "$1" || return
	done
	unbind "$1"
}

find_device 8086:10d3
remember
modprobe ownership_routes_rust
plan 2

subtest c_parent 5
driver=ownership_routes
check binds is_bound "$driver"
check taken taken 4
check drivers_go drivers_go "$driver" ownership_routes.rust
unbind "$driver"
forget 1
bind "$driver"
check forgotten forgotten "$driver"
check leaves_nothing as_before
subtest_end

subtest rust_parent 6
driver=ownership_routes_rust
forget 0
check binds bind "$driver"
check taken taken 8
check drivers_go drivers_go "$driver" ownership_routes_rust.c
unbind "$driver"
rmmod "$driver"
forget 1
modprobe "$driver" forgotten=1
check forgotten forgotten "$driver"
check said_nothing said_nothing
check leaves_nothing as_before
subtest_end
