# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Functions for the two samples on QEMU's edu device, which boot.sh and samples.sh share. Needs common.sh.

# A debug kernel takes ten times as long for each round.
rounds=100
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=10

# mark: remembers how often the line of the unbound device has interrupted. A line keeps its count when a driver is unbound; a
# vector is new each time, and its count begins at 0.
mark()
{
	find_irqs
	count_irqs
	marked_irqs=$irqs marked=$count
}

# in_use DRIVER: checks that the driver is bound, and that its device has interrupted since the mark. Sets $raised to how
# often.
in_use()
{
	is_bound "$1" || return 1
	find_irqs
	count_irqs
	raised=$count
	[ "$irqs" != "$marked_irqs" ] || raised=$((count - marked))
	[ "$raised" -gt 0 ] || diag "$dev raised no interrupt: /proc/interrupts counts $raised on $kind $irqs since binding"
}

# rebind DRIVER: binds it, counts an interrupt, unbinds it and checks that nothing is left, $rounds times.
rebind()
{
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		mark
		bind "$1" && in_use "$1" && unbind "$1" && as_before && continue
		diag "round $round of $rounds"
		return
	done
}

# expect_kind KIND: checks that the vectors in use are of that kind.
expect_kind()
{
	[ "$kind" = "$1" ] || diag "$dev uses $kind, expected $1"
}
