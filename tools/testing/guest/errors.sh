#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script resets a device in every way that it has, reports errors of it to the PCI core, and lends it to vfio-pci, while and
# before a sample has its vectors. The PCI core resets the device after a fatal error. Drivers in Rust cannot take part in the
# recovery, because the kernel crate of Linux 7.3 has no error handlers; e1000e in C does.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

# Resets the device by each of its methods.
resets()
{
	read -r methods <"$pci/devices/$dev/reset_method"
	for method in $methods; do
		echo "$method" >"$pci/devices/$dev/reset_method"
		echo 1 >"$pci/devices/$dev/reset" || diag "the method $method failed" || return
		each_vector_interrupts || diag "after the method $method" || return
	done
	echo default >"$pci/devices/$dev/reset_method"
	echo "$ktap_indent# reset by $methods"
}

# word NUMBER: prints it as four bytes, of which the lowest is first.
word()
{
	printf '%b' "$(printf '\\0%o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}

# inject UNCORRECTABLE CORRECTABLE RESULT: reports these bits of the error status of $dev, as struct aer_error_inj of the kernel's
# drivers/pci/pcie/aer_inject.c says, and waits until the kernel has said RESULT.
inject()
{
	function=${dev#*:} bus=${function%%:*} function=${function#*:}
	{
		word $((0x$bus | 0x${function%.*} << 8 | ${function#*.} << 16))
		word "$1"
		word "$2"
		head -c 20 /dev/zero
	} >/tmp/error
	dmesg -c >/dev/null
	dd if=/tmp/error of=/dev/aer_inject bs=32 2>/dev/null || diag "the error cannot be injected" || return
	wait_for said "$3" || dmesg | diag_lines
}

said()
{
	dmesg | grep -q "$1"
}

# The kernel gives a device up whose driver does not take part. The driver stays bound.
reports()
{
	inject 0 0x40 Correctable && each_vector_interrupts &&
		inject 0x4000 0 'device recovery failed' && each_vector_interrupts &&
		inject 0x10 0 'device recovery failed' && is_bound "$driver"
}

# Binds vfio-pci, and gives the device back.
lends()
{
	echo vfio-pci >"$pci/devices/$dev/driver_override"
	bind vfio-pci && unbind vfio-pci
	lent=$?
	echo >"$pci/devices/$dev/driver_override"
	return "$lent"
}

# errors NAME ID DRIVER TESTS [PARAMETER]
errors()
{
	driver=$3
	subtest "$1" "$4"
	find_device "$2"
	# The device may get other addresses when it is found again, and keeps those.
	echo 1 >"$pci/devices/$dev/remove"
	echo 1 >"$pci/rescan"
	remember
	# shellcheck disable=SC2086 # none or one
	check load modprobe "$driver" $5
	check interrupts each_vector_interrupts
	check resets resets
	[ "$driver" != rust_driver_pci_msix ] || check errors reports
	# The kernel uses a device that it gave up again when the device is found anew.
	check found_anew survives_removal
	check unbind unbind "$driver"
	check lent_to_vfio lends
	check bind_again bind "$driver"
	check interrupts_again each_vector_interrupts
	check unbind_again unbind "$driver"
	check leaves_nothing as_before
	rmmod "$driver"
	subtest_end
}

# The same in C, whose driver recovers.
recovers()
{
	subtest in_c 3
	find_device 8086:10d3
	check load modprobe e1000e
	check fatal inject 0x10 0 'device recovery successful'
	check unbind unbind e1000e
	rmmod e1000e
	subtest_end
}

modprobe aer_inject
modprobe vfio enable_unsafe_noiommu_mode=1
modprobe vfio-pci
plan 5
errors explicit 1234:11e8 rust_driver_pci_explicit 10
errors managed 1234:11e8 rust_driver_pci_managed 10
errors msix_explicit 8086:10d3 rust_driver_pci_msix 11 managed=N
errors msix_managed 8086:10d3 rust_driver_pci_msix 11 managed=Y
recovers
