#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script tests the ownership rule row by row, by two modules that print KTAP of their own when loaded: one in C, one in Rust.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh

find_device 8086:10d3 || exit
devices=$dev
find_device 1234:11e8 || exit
devices="$devices $dev"
remember
# On a kernel with failslab, one case makes allocations fail.
failslab=/sys/kernel/debug/failslab
if [ -d "$failslab" ]; then
	echo N >"$failslab/ignore-gfp-wait"
	echo 0 >"$failslab/verbose"
fi
test_module pci_ownership_kunit
as_before >/tmp/left
left=$?

# Each time it binds, the Rust module prints a document and leaves something else behind on purpose. Nothing of it may be left once
# it is unbound, and it must bind again.
driver=rust_pci_ownership_test

rebind()
{
	unbind "$driver" && as_before && bind "$driver"
}

remember
modprobe "$driver" 2>/tmp/said
loaded=$?
# There is a round for each of its last cases but the first, which ran when it was loaded.
for round in 1 2 3; do
	rebind >"/tmp/said.$round"
	echo "$?" >"/tmp/rebound.$round"
done
rmmod "$driver" 2>>/tmp/said
removed=$?

plan 2
subtest pci_ownership_kunit 1
check leaves_nothing said "$left" /tmp/left
subtest_end
subtest "$driver" 6
check loads said "$loaded" /tmp/said
for round in 1 2 3; do
	check "rebinds_$round" said "$(cat "/tmp/rebound.$round")" "/tmp/said.$round"
done
check removes said "$removed" /tmp/said
check leaves_nothing as_before
subtest_end
