#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs safe programs that must not succeed: a driver in Rust that prints KTAP of its own each time it binds, and each
# time leaves something else behind. Nothing of it may be left once it is unbound, and it must bind again.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

driver=ownership_misuse
last=8

# round NUMBER UNBOUND: runs one bind. The device is bound after it, except in the rounds of a list.
round()
{
	[ "$1" = 0 ] || echo "$dev" >"$pci/drivers/$driver/bind"
	case " $2 " in
	*" $1 "*) is_unbound || return ;;
	*) is_bound "$driver" && unbind "$driver" || return ;;
	esac
	as_before
} 2>/dev/null

# rounds NAME UNBOUND: the results of a round are printed after the document that it printed itself.
rounds()
{
	for round in $(seq 0 $last); do
		round "$round" "$2" >"/tmp/said.$1.$round"
		echo "$?" >"/tmp/status.$1.$round"
	done
}

said()
{
	[ "$(cat "/tmp/status.$1")" = 0 ] || diag_lines <"/tmp/said.$1"
}

# with_child NAME COMMAND...: runs the command while the driver of the children is loaded, and keeps what the kernel prints.
with_child()
{
	name=$1
	shift
	dmesg -c >/dev/null
	modprobe ownership_misuse_child
	"$@"
	dmesg >"/tmp/child.$name"
	rmmod ownership_misuse_child
}

unbind_parents()
{
	for dev in $edu $e1000e; do
		unbind "$driver"
	done
}

# said_by_child NAME TEXT: checks that each of the two children has printed it.
said_by_child()
{
	[ "$(grep -c "misuse: child $2\$" "/tmp/child.$1")" = 2 ] || diag_lines <"/tmp/child.$1"
}

# A child that its parent forgot goes when the parent is unbound.
children_are_gone()
{
	children=$(ls /sys/bus/auxiliary/devices)
	[ -z "$children" ] || diag "there still is $children"
}

find_device 1234:11e8 && edu=$dev && remember && before_edu=$before
find_device 8086:10d3 && e1000e=$dev && remember && before_e1000e=$before
modprobe "$driver"
dev=$e1000e
unbind "$driver" >/dev/null
dev=$edu before=$before_edu
# Probe fails on purpose in two of them.
rounds edu "4 5"
dev=$e1000e before=$before_e1000e
rounds e1000e "0 4 5"

result_of()
{
	dev=$2 before=$3
	subtest "$1" $((last + 1))
	for round in $(seq 0 $last); do
		check leaves_nothing said "$1.$round"
	done
	subtest_end
}

plan 2
result_of edu "$edu" "$before_edu"
result_of e1000e "$e1000e" "$before_e1000e"

# Run each of these modules once more.
for dev in $edu $e1000e; do
	bind "$driver" >"/tmp/said.$dev.again"
	echo "$?" >"/tmp/status.$dev.again"
done
with_child bound true
with_child unbound unbind_parents >/dev/null
children_are_gone >/tmp/said.child.unbound
echo "$?" >/tmp/status.child.unbound
rmmod "$driver"
plan 8
dev=$edu before=$before_edu
check edu_binds_again said "$edu.again"
check e1000e_binds_again said "$e1000e.again"
check leaves_nothing as_before
# While its parent is bound, a child cannot register handlers with what the parent lent it.
check child_registers_no_handler said_by_child bound 'gets -1'
# It must not leave data with its parent either, which drops that when it is unbound, nor a managed resource.
check child_leaves_no_data said_by_child unbound 'keeps -1'
check child_leaves_nothing_managed said_by_child unbound 'leaves -1 -1'
# When its parent is unbound, it can still use a managed resource that the parent has added after it.
check child_goes_before_managed_resources said_by_child unbound 'finds 1'
check child_goes_with_its_parent said child.unbound
