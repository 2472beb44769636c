#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # long and seed are words of the kernel's command line
#
# This script makes random sequences of calls on functions of the software PCI bus: vectors and handlers, devres groups and actions,
# power, resets, and functions that go. The module compares the kernel with a model after each call. A sequence that fails is
# printed with the steps that matter, and with its seed.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

if [ "${long:-0}" = 1 ]; then
	calls=100000
else
	calls=5000
fi

# Memory that runs out is a part of the sequences where the kernel can make it so.
complete=1
failslab=/sys/kernel/debug/failslab
if [ -e $failslab ]; then
	echo N >$failslab/ignore-gfp-wait
	echo 0 >$failslab/verbose
	# Each report has a stack trace there.
	calls=$((calls / 10))
	complete=0
fi

sequences()
{
	modprobe pci_soft_sequences "$@" "calls=$calls" ||
		diag "again: make test TEST=guest::soft_sequences SEED=$seed" || return
	rmmod pci_soft_sequences
}

find_device 1234:11e8 || exit
remember
plan 3
check fixed_seed sequences seed=1 "complete=$complete"
check fresh_seed sequences "seed=$seed"
rmmod pci-soft
check leaves_nothing as_before
