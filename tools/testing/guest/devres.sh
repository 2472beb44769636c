#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script tests the devres layer call by call, by a test module that prints KTAP when it is loaded. What it prints of each case,
# and its results, must be the same on the stock kernel and on ours.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

module=devres_suite

said()
{
	[ "$1" = 0 ] || diag_lines </tmp/said
}

has_printed()
{
	grep -q 'KTAP version 1$' /tmp/printed || diag "$module has printed no KTAP document"
}

# On a kernel with failslab any allocation may fail, which the kernel does not report.
failslab=/sys/kernel/debug/failslab
if [ -d "$failslab" ]; then
	echo N >"$failslab/ignore-gfp-wait"
	echo 0 >"$failslab/verbose"
fi

# Clear the log, so that only what the module prints is in it.
dmesg -c >/dev/null
modprobe "$module" 2>/tmp/said
loaded=$?
dmesg >/tmp/printed
rmmod "$module" 2>>/tmp/said
removed=$?

# Turn the results into comments, because they would count twice otherwise.
echo 'compare: begin results'
sed -n -E 's/^(\[[^]]*\])+ ( *(KTAP version|1\.\.|ok |not ok |# Subtest|# module).*)/# \2/p' /tmp/printed
echo 'compare: end results'

plan 1
subtest "$module" 3
check loads said "$loaded"
check prints_results has_printed
check removes said "$removed"
subtest_end
