#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script has virtual functions (VFs) of an NVMe controller leave while a driver has vectors of them. The physical function (PF)
# disables them, or is removed itself.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

list=/sys/kernel/debug/pci_irq_vectors

# The number of VFs that the PF has.
vfs()
{
	read -r n <"$pci/devices/$pf/sriov_numvfs"
	echo "$n"
}

# Enables both VFs. No driver binds to them by itself.
enable()
{
	echo 0 >"$pci/devices/$pf/sriov_drivers_autoprobe"
	echo 2 >"$pci/devices/$pf/sriov_numvfs" || diag "no VFs" || return
	[ "$(vfs)" = 2 ] || diag "$(vfs) VFs"
}

# bind_vfs PARAMETER...: has the driver bind to both.
bind_vfs()
{
	modprobe ownership_late "$@" || return
	irqs_of_vfs='' functions=''
	for vf in 0 1; do
		dev=$(basename "$(readlink "$pci/devices/$pf/virtfn$vf")")
		echo ownership_late >"$pci/devices/$dev/driver_override"
		bind ownership_late && find_irqs || return
		[ "$kind" = MSI ] || diag "$dev has the line $irqs" || return
		irqs_of_vfs="$irqs_of_vfs $irqs" functions="$functions $dev"
	done
}

# owned_by OWNER: checks who owns the vectors of both VFs.
owned_by()
{
	seen=$(awk -v owner="$1" '$2 == "ownership_late" && $3 == owner' "$list" | wc -l)
	[ "$seen" = 2 ] || diag_lines <"$list"
}

disable()
{
	echo 0 >"$pci/devices/$pf/sriov_numvfs" && [ "$(vfs)" = 0 ]
}

# The VFs stay when the PF is removed, because its driver has not disabled them. Their driver is detached afterwards.
remove_pf()
{
	echo 1 >"$pci/devices/$pf/remove"
	[ ! -e "$pci/devices/$pf" ] || diag "$pf is still there" || return
	for dev in $functions; do
		unbind ownership_late || return
	done
}

rescan()
{
	echo 1 >"$pci/rescan"
	[ -e "$pci/devices/$pf" ] || diag "$pf is not found again" || return
	bind_pf
}

bind_pf()
{
	dev=$pf
	bind nvme
}

left_nothing()
{
	! grep ownership_late "$list" /proc/interrupts || return
	for irq in $irqs_of_vfs; do
		[ ! -e "/proc/irq/$irq" ] || diag "irq $irq is still there" || return
	done
}

# vfs_leave NAME OWNER COMMAND PARAMETER...: has the VFs leave by the command.
vfs_leave()
{
	subtest "$1" 6
	owner=$2 leave=$3
	shift 3
	check enable enable
	check bind bind_vfs "$@"
	check owner owned_by "$owner"
	check leave "$leave"
	check leaves_nothing left_nothing
	check remove rmmod ownership_late
	subtest_end
}

echo 0 >"$pci/drivers_autoprobe"
find_device class:010802
pf=$dev
modprobe nvme
plan 5
check bind_pf bind_pf
vfs_leave managed device disable late=N managed=Y
vfs_leave leaked driver disable late=N managed=N
vfs_leave pf_is_removed driver remove_pf late=N managed=N
check rescan rescan
