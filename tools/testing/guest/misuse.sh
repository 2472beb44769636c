#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Safe programs that should not work: a driver in Rust that prints KTAP of its own each time it binds, and each time leaves
# something else behind. Nothing of it may be left once it is unbound, and it must bind again.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

driver=ownership_misuse
last=8

# One bind, two of which fail on purpose.
round()
{
	[ "$1" = 0 ] || echo "$dev" >"$pci/drivers/$driver/bind"
	[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver" || return
	as_before
} 2>/dev/null

# What a round has to say comes after the document that it printed.
rounds()
{
	for round in $(seq 0 $last); do
		round "$round" >"/tmp/said.$1.$round"
		echo "$?" >"/tmp/status.$1.$round"
	done
}

said()
{
	[ "$(cat "/tmp/status.$1")" = 0 ] || diag_lines <"/tmp/said.$1"
}

# Children that their parents forgot are still there when those are not. What a child was handed is good for nothing then, and
# for no handler of its own while the parent is bound.
# said_to_child ERRNO N: N of them get that.
said_to_child()
{
	dmesg -c >/dev/null
	modprobe ownership_misuse_child
	dmesg >/tmp/child
	rmmod ownership_misuse_child
	[ "$(grep -c "misuse: child gets $1\$" /tmp/child)" = "$2" ] || diag_lines </tmp/child
}

find_device 1234:11e8 && edu=$dev && remember && before_edu=$before
find_device 8086:10d3 && e1000e=$dev && remember && before_e1000e=$before
modprobe "$driver"
dev=$e1000e
unbind "$driver" >/dev/null
dev=$edu before=$before_edu
rounds edu
dev=$e1000e before=$before_e1000e
rounds e1000e

result_of()
{
	dev=$2 before=$3
	subtest "$1" $((last + 1))
	for round in $(seq 0 $last); do
		check "leaves_nothing_$round" said "$1.$round"
	done
	subtest_end
}

plan 2
result_of edu "$edu" "$before_edu"
result_of e1000e "$e1000e" "$before_e1000e"

# A document more of each.
for dev in $edu $e1000e; do
	bind "$driver" >"/tmp/said.$dev.again"
	echo "$?" >"/tmp/status.$dev.again"
done
said_to_child -1 2 >/tmp/said.child.bound
echo "$?" >/tmp/status.child.bound
unbind "$driver"
dev=$edu
unbind "$driver"
said_to_child -19 4 >/tmp/said.child.unbound
echo "$?" >/tmp/status.child.unbound
rmmod "$driver"
plan 5
dev=$edu before=$before_edu
check edu_binds_again said "$edu.again"
check e1000e_binds_again said "$e1000e.again"
check leaves_nothing as_before
check child_registers_no_handler said child.bound
check child_of_unbound_parent_gets_nothing said child.unbound
