#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The devres layer, call by call, by a test module that prints KTAP when it is loaded. What it prints of each case must be the
# same on the stock kernel and on ours, and so must its results.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

module=devres_suite

said()
{
	[ "$1" = 0 ] || diag_lines </tmp/said
}

has_printed()
{
	grep -q 'KTAP version 1$' /tmp/printed || diag "$module has printed no KTAP document"
}

# Where allocations can fail, all of them can, in silence.
failslab=/sys/kernel/debug/failslab
if [ -d "$failslab" ]; then
	echo N >"$failslab/ignore-gfp-wait"
	echo 0 >"$failslab/verbose"
fi

# The log, so that what the module prints is all that is in it.
dmesg -c >/dev/null
modprobe "$module" 2>/tmp/said
loaded=$?
dmesg >/tmp/printed
rmmod "$module" 2>>/tmp/said
removed=$?

# Commented, or it would count twice.
echo 'compare: begin results'
sed -n -E 's/^\[[^]]*\] ( *(KTAP version|1\.\.|ok |not ok |# Subtest|# module).*)/# \1/p' /tmp/printed
echo 'compare: end results'

plan 1
subtest "$module" 3
check loads said "$loaded"
check prints_results has_printed
check removes said "$removed"
subtest_end
