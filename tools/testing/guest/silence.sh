#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In this script a driver frees its vectors too early and is refused. The device must not interrupt any more, whatever happens to it
# from outside. The script raises interrupts by writing to registers through /dev/mem.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

driver=ownership_late
parameters=/sys/module/$driver/parameters
list=/sys/kernel/debug/pci_irq_vectors

is_silent()
{
	find_irqs
	[ "$kind" = MSI ] || diag "the vectors are gone" || return
	count_irqs
	earlier=$count
	raise || return
	usleep 100000
	lower
	count_irqs
	[ "$count" = "$earlier" ] || diag "$((count - earlier)) late interrupts on $irqs"
}

silent_after()
{
	"$@" && is_silent
}

# lists OWNER SILENCED: checks the line of $dev in debugfs.
lists()
{
	seen=$(awk -v dev="$dev" '$1 == dev { print $2, $3, $4, $5, $6 }' "$list")
	[ "$seen" = "$driver $1 no $2 $type" ] || diag "debugfs says '$seen'"
}

# silence NAME ID TYPE OWNER
silence()
{
	type=$3
	subtest "$1" 10
	find_device "$2"
	# The device may get other addresses when it is found again, and keeps those.
	echo 1 >"$pci/devices/$dev/remove"
	echo 1 >"$pci/rescan"
	unbind_if_bound
	remember
	case $4 in
	device) echo Y >"$parameters/managed" ;;
	*) echo N >"$parameters/managed" ;;
	esac
	echo N >"$parameters/late"
	check bind bind "$driver"
	check interrupts each_vector_interrupts
	check debugfs_says_so_not lists "$4" no
	unbind "$driver"
	echo Y >"$parameters/late"
	check bind_late bind "$driver"
	check silent is_silent
	check debugfs_says_so lists "$4" yes
	check suspend silent_after survives_suspend
	check reset silent_after survives_reset
	check unbind unbind "$driver"
	check leaves_nothing as_before
	subtest_end
}

# The driver binds to every device that is found.
unbind_if_bound()
{
	[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver"
}

modprobe "$driver" late=N
for dev in "$pci/drivers/$driver"/[0-9a-f]*:*; do
	dev=${dev##*/}
	unbind_if_bound
done
plan 4
silence msi_explicit 1234:11e8 MSI driver
silence msi_managed 1234:11e8 MSI device
silence msix_explicit 8086:10d3 MSI-X driver
silence msix_managed 8086:10d3 MSI-X device
rmmod "$driver"
