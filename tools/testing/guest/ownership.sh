#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The ownership rule, row by row, by two test modules that print KTAP of their own when loaded: one in C, one in Rust.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh

# A module prints its document while it loads; what this script has to say about that comes after, in one of its own.
test_module()
{
	dmesg -c >/dev/null
	modprobe "$1"
	loaded=$?
	printed=$(dmesg | grep -c 'KTAP version 1$')
	rmmod "$1"
	removed=$?

	plan 1
	subtest "$1" 3
	check loads test "$loaded" = 0
	check prints_results test "$printed" -gt 0
	check removes test "$removed" = 0
	subtest_end
}

test_module pci_ownership_kunit
test_module rust_pci_ownership_test
