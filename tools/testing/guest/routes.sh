#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script uses every route to the vectors of a device at the same time: for a C driver with a Rust driver of its child, and for a Rust
# driver with a C driver of its child. Each route must be taken often, whatever the others do. Meanwhile drivers are unbound and bound: that
# of the child, of the parent, of both, and of a child that its parent forgot.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

won=/sys/module/ownership_routes/parameters/won
rounds=1200
# Every refusal is reported, which takes long with stack traces.
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=160

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

is_over()
{
	sum
	[ "$sum" -ge "$rounds" ]
}

# taken N: checks that the first N routes were taken, each at least every thirtieth time.
taken()
{
	begin "$rounds"
	waited=0
	until is_over; do
		[ "$waited" -lt 60 ] || diag "not over: $(cat "$won")" || return
		sleep 1
		waited=$((waited + 1))
	done
	echo "$ktap_indent# taken: $(cat "$won")"
	awk -F , -v n="$1" -v least="$((rounds / 30))" '{ for (i = 1; i <= n; i++) if ($i < least) exit 1 }' "$won" ||
		diag "one way was taken too seldom"
}

# A route whose vectors were freed by another one must notice.
robbed()
{
	[ "$(cut -d , -f 8 "$won")" -gt 0 ] || diag "nobody was robbed"
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

# forget BOOL: whether parents in C forget their children from now on, and children know that.
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
forget 1
check forgotten forgotten "$driver"
check leaves_nothing as_before
subtest_end

subtest rust_parent 7
driver=ownership_routes_rust
forget 0
check binds bind "$driver"
check taken taken 7
check robbed robbed
check drivers_go drivers_go "$driver" ownership_routes_rust.c
unbind "$driver"
rmmod "$driver"
modprobe "$driver" forgotten=1
forget 1
check forgotten forgotten "$driver"
check said_nothing said_nothing
check leaves_nothing as_before
subtest_end
