#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # long, seed and replay are words of the kernel's command line
#
# This script makes random sequences of calls of the PCI devres layer, which another kernel must answer in the same way. The log has
# a digest of each sequence. To replay sequences, the command line says replay=DEVICE:SEED:SEQUENCE:STEPS,STEPS,... with a bit for
# each step, and verbose=1 to print them in full.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

# No other driver may bind to the devices.
echo 0 >"$pci/drivers_autoprobe"

if [ "${long:-0}" = 1 ]; then
	calls=84000
else
	calls=3600
fi

# sequences PARAMETER...: loads the module, which fails if it finds a fault itself, such as something that was left behind.
sequences()
{
	modprobe pci_devres_sequences "device=$name" "$@" && rmmod pci_devres_sequences
}

replay()
{
	IFS=:
	# shellcheck disable=SC2086 # its parts
	set -- $replay
	name=$1
	IFS=,
	for steps in $4; do
		unset IFS
		sequences "seed=$2" "sequence=$3" "keep=0x$steps" "verbose=${verbose:-0}"
	done
	return 0
}

if [ -n "${replay:-}" ]; then
	plan 1
	check replay replay
	exit
fi

plan 3
for kind in edu:1234:11e8 pci-testdev:1b36:0005 e1000e:8086:10d3; do
	name=${kind%%:*}
	subtest "$name" 3
	find_device "${kind#*:}"
	remember
	check fixed_seed sequences seed=1 "calls=$calls"
	check fresh_seed sequences "seed=$seed" "calls=$calls"
	check leaves_nothing as_before
	subtest_end
done
