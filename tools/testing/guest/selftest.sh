#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs the kselftest of the grafted tree on QEMU's devices: without a device, with a driver for each owner, and
# with a driver that makes a mistake.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

selftest=/selftests/pci_irq_vectors/pci_irq_vectors.sh

# selftest NAME [DEVICE]: runs it as a subtest, and sets $status to its exit status.
selftest()
{
	DEVICE=${2-} "$selftest" >/tmp/tap 2>&1
	status=$?
	echo "    KTAP version 1"
	echo "    # Subtest: $1"
	sed -e 1d -e 's/^/    /' /tmp/tap
	check "$1" [ "$status" = 0 ]
}

# passes NAME ID DRIVER [PARAMETER]
passes()
{
	find_device "$2"
	modprobe "$3" ${4+"$4"}
	selftest "$1" "$dev"
	rmmod "$3"
}

# The driver frees its vectors under a handler, each time that it binds.
notices_a_mistake()
{
	find_device 1234:11e8
	modprobe ownership_late late=Y managed=N
	DEVICE=$dev "$selftest" >/tmp/tap 2>&1
	status=$?
	rmmod ownership_late
	if [ "$status" != 1 ] || ! grep -q '^not ok .*alloc_is_traced' /tmp/tap; then
		diag_lines </tmp/tap
	fi
}

plan 5
selftest without_device
passes managed 1234:11e8 rust_driver_pci_managed
passes explicit 1234:11e8 rust_driver_pci_explicit
passes msix 8086:10d3 rust_driver_pci_msix managed=N
check notices_a_mistake notices_a_mistake
