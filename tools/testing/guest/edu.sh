# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# The two samples on QEMU's edu device: what boot.sh and samples.sh share. Needs lib.sh.

# A kernel that looks for mistakes takes ten times as long for each.
rounds=100
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=10

# mark: takes note of how many interrupts there have been on the line of the unbound device. A line keeps its count over
# unbinding; a vector is a new one each time and starts at none.
mark()
{
	find_irqs
	count_irqs
	marked_irqs=$irqs marked=$count
}

# in_use DRIVER: it is bound, and its device has raised at least one interrupt since the mark; $raised says how many.
in_use()
{
	is_bound "$1" || return 1
	find_irqs
	count_irqs
	raised=$count
	[ "$irqs" != "$marked_irqs" ] || raised=$((count - marked))
	[ "$raised" -gt 0 ] || diag "$dev raised no interrupt: /proc/interrupts counts $raised on $kind $irqs since binding"
}

# rebind DRIVER: $rounds times bound, interrupt counted, unbound, nothing left.
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

# expect_kind KIND: the vectors in use are of that kind.
expect_kind()
{
	[ "$kind" = "$1" ] || diag "$dev uses $kind, expected $1"
}
