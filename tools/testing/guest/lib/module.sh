# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Functions for test modules that print KTAP of their own while they load. Needs common.sh.

# said STATUS FILE: succeeds if STATUS is 0, and prints FILE, the output of the command, otherwise.
said()
{
	[ "$1" = 0 ] || diag_lines <"$2"
}

has_printed()
{
	[ "$printed" -gt 0 ] || diag "$1 has printed no KTAP document"
}

# A module prints its document while it loads. The results of this script follow in a document of their own.
test_module()
{
	dmesg -c >/dev/null
	modprobe "$1" 2>/tmp/said
	loaded=$?
	printed=$(dmesg | grep -c 'KTAP version 1$')
	rmmod "$1" 2>>/tmp/said
	removed=$?

	plan 1
	subtest "$1" 3
	check loads said "$loaded" /tmp/said
	check prints_results has_printed "$1"
	check removes said "$removed" /tmp/said
	subtest_end
}
