# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Test modules that print KTAP of their own while they load. Needs lib.sh.

# said STATUS FILE: what a command had to say explains why it failed.
said()
{
	[ "$1" = 0 ] || diag_lines <"$2"
}

has_printed()
{
	[ "$printed" -gt 0 ] || diag "$1 has printed no KTAP document"
}

# A module prints its document while it loads; what this script has to say about that comes after, in one of its own.
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
