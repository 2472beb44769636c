#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs the sample with a handler for each MSI-X vector, on e1000e, with both owners. The sample checks its interrupts
# itself when it binds.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

driver=rust_driver_pci_msix

# Checks that there are five vectors, and that each has interrupted once.
each_interrupted()
{
	find_irqs
	for irq in $irqs; do
		awk -v irq="$irq:" '$1 == irq { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i } END { exit n != 1 }' \
			/proc/interrupts || diag "irq $irq has not interrupted once" || return
	done
	# shellcheck disable=SC2086
	set -- $irqs
	[ "$#" = 5 ] || diag "$# vectors, expected 5"
}

rebind()
{
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		bind "$driver" && each_interrupted && unbind "$driver" && as_before && continue
		diag "round $round of $rounds"
		return
	done
}

model()
{
	subtest "$1" 6
	remember
	check load modprobe "$driver" "managed=$2"
	check each_vector_interrupts each_interrupted
	check unbind unbind "$driver"
	check unbind_leaves_nothing as_before
	check "rebind_$rounds" rebind
	check remove rmmod "$driver"
	subtest_end
}

# A debug kernel takes ten times as long for each round.
rounds=100
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=10

plan 2
find_device 8086:10d3 || exit
model managed Y
model explicit N
