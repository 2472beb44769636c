#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests what root can see of the ownership of PCI interrupt vectors on a real device: the listing in
# debugfs, the trace events, and that a driver leaves nothing when it is unbound. See
# Documentation/PCI/irq-vector-ownership.rst.
#
#   DEVICE=0000:00:03.0 ./pci_irq_vectors.sh
#
# DEVICE must have MSI or MSI-X vectors. It is unbound from its driver and bound again, so its users
# lose it for a moment. Without DEVICE these tests are skipped.

dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=/dev/null
. "$dir/../kselftest/ktap_helpers.sh"

debug=/sys/kernel/debug
list=$debug/pci_irq_vectors
trace=/sys/kernel/tracing
pci=/sys/bus/pci
device=${DEVICE-}
tmp=$(mktemp -d) || exit 1

cleanup()
{
	if [ -n "$unbound" ]; then
		echo "$device" >"$pci/drivers/$driver/bind"
	fi
	if [ -e "$trace/instances/pci_irq_vectors" ]; then
		rmdir "$trace/instances/pci_irq_vectors"
	fi
	for folder in $mounted; do
		umount "$folder"
	done
	rm -rf "$tmp"
}
driver='' unbound='' mounted=''
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# Explains why a test fails, and fails.
because()
{
	ktap_print_msg "$*"
	return 1
}

# skip NAME REASON: ktap_test_skip() takes no reason.
skip()
{
	__ktap_test ok "$1" "SKIP $2"
	KTAP_CNT_SKIP=$((KTAP_CNT_SKIP + 1))
}

# Prints the driver, owner, guard, silence and type that the listing has of a device.
listed()
{
	awk -v device="$1" '$1 == device { print $2, $3, $4, $5, $6 }' "$list"
}

# Prints the interrupts of the vectors of a device, one a line.
vectors_of()
{
	for vector in "$pci/devices/$1/msi_irqs"/*; do
		[ ! -e "$vector" ] || echo "${vector##*/}"
	done
}

listing_is_well_formed()
{
	awk '
	NR == 1 { ok = $0 ~ /^device +driver +owner +guard +silenced +type$/; next }
	NF != 6 || $3 !~ /^(driver|device)$/ || $4 !~ /^(yes|no)$/ ||
	$5 !~ /^(yes|no)$/ || $6 !~ /^(MSI|MSI-X)$/ { ok = 0 }
	END { exit !ok }
	' "$list" || because "the listing is: $(cat "$list")"
}

# Every device with vectors is listed, and no other is.
listing_is_complete()
{
	for path in "$pci"/devices/*; do
		one=${path##*/}
		if [ -n "$(vectors_of "$one")" ]; then
			[ -n "$(listed "$one")" ] ||
				because "$one has vectors and no owner" || return
		else
			[ -z "$(listed "$one")" ] ||
				because "$one has an owner and no vectors" || return
		fi
	done
}

events_exist()
{
	for event in alloc claim free contain refuse; do
		[ -e "$trace/events/pci_irq_vectors/pci_irq_vectors_$event" ] ||
			because "there is no event pci_irq_vectors_$event" || return
	done
}

# unbind_device and bind_device leave the events of the device in a file.
unbind_device()
{
	echo >"$trace/instances/pci_irq_vectors/trace"
	echo "$device" >"$pci/drivers/$driver/unbind" || return
	unbound=yes
	grep "pci_irq_vectors_.*: $device " "$trace/instances/pci_irq_vectors/trace" >"$tmp/unbind"
	[ ! -e "$pci/devices/$device/driver" ]
}

bind_device()
{
	echo >"$trace/instances/pci_irq_vectors/trace"
	echo "$device" >"$pci/drivers/$driver/bind" || return
	unbound=''
	grep "pci_irq_vectors_.*: $device " "$trace/instances/pci_irq_vectors/trace" >"$tmp/bind"
	[ -e "$pci/devices/$device/driver" ]
}

nothing_is_left()
{
	[ -z "$(vectors_of "$device")" ] || because "vectors are left" || return
	[ -z "$(listed "$device")" ] || because "an owner is left: $(listed "$device")" || return
	while read -r irq; do
		[ ! -e "/proc/irq/$irq" ] || because "interrupt $irq is left" || return
	done <"$tmp/irqs"
}

# The driver has leaked nothing, and made no call that was refused.
no_mistake()
{
	! grep -Eq 'pci_irq_vectors_(contain|refuse)' "$1" ||
		because "the driver makes a mistake: $(cat "$1")"
}

# The last event is the free of the owner that was listed.
free_is_traced()
{
	no_mistake "$tmp/unbind" || return
	tail -n 1 "$tmp/unbind" |
		grep -q "pci_irq_vectors_free: $device owner=$owner type=$type " ||
		because "no free by the $owner: $(cat "$tmp/unbind")"
}

alloc_is_traced()
{
	no_mistake "$tmp/bind" || return
	grep -Eq "pci_irq_vectors_(alloc|claim): $device owner=$owner type=$type " "$tmp/bind" ||
		because "no allocation for the $owner: $(cat "$tmp/bind")"
}

is_as_before()
{
	[ "$(listed "$device")" = "$before" ] ||
		because "listed as '$(listed "$device")', before as '$before'" || return
	[ "$(vectors_of "$device" | wc -l)" = "$(wc -l <"$tmp/irqs")" ] ||
		because "$(vectors_of "$device" | wc -l) vectors, before $(wc -l <"$tmp/irqs")"
}

# Sets up what the tests with a device need, or prints why they cannot run.
why_not()
{
	if [ -z "$device" ]; then
		echo "no device named, DEVICE=0000:bb:dd.f names one"
	elif [ ! -e "$pci/devices/$device/driver" ]; then
		echo "$device is not bound to a driver"
	elif [ -z "$(listed "$device")" ]; then
		echo "$device has no MSI or MSI-X vectors"
	elif ! mkdir "$trace/instances/pci_irq_vectors" 2>/dev/null; then
		echo "no trace events: CONFIG_FTRACE is off, or tracefs not mounted"
	elif ! echo 1 >"$trace/instances/pci_irq_vectors/events/pci_irq_vectors/enable"; then
		echo "the trace events cannot be enabled"
	fi
}

# Mounts a file system of the kernel, until the test is over.
mount_at()
{
	if ! mountpoint -q "$2" && mount -t "$1" "$1" "$2" 2>/dev/null; then
		mounted="$mounted $2"
	fi
}

ktap_print_header
if [ "$(id -u)" != 0 ]; then
	ktap_skip_all "needs root"
	exit "$KSFT_SKIP"
fi
mount_at debugfs "$debug"
mount_at tracefs "$trace"
if [ ! -e "$list" ]; then
	ktap_skip_all "no $list: CONFIG_PCI_DEVRES_RUST or CONFIG_DEBUG_FS is off"
	exit "$KSFT_SKIP"
fi

ktap_set_plan 9
ktap_test_result "listing_is_well_formed" listing_is_well_formed
ktap_test_result "listing_is_complete" listing_is_complete
if [ -e "$trace/events" ]; then
	ktap_test_result "events_exist" events_exist
else
	skip events_exist "no trace events: CONFIG_FTRACE is off"
fi

reason=$(why_not)
if [ -n "$reason" ]; then
	for test in unbind nothing_is_left free_is_traced bind alloc_is_traced is_as_before; do
		skip "$test" "$reason"
	done
	ktap_finished
fi

driver=$(basename "$(readlink "$pci/devices/$device/driver")")
before=$(listed "$device")
owner=$(echo "$before" | cut -d ' ' -f 2)
type=$(echo "$before" | cut -d ' ' -f 5)
vectors_of "$device" >"$tmp/irqs"
ktap_print_msg "$device: $before"
ktap_test_result "unbind" unbind_device
ktap_test_result "nothing_is_left" nothing_is_left
ktap_test_result "free_is_traced" free_is_traced
ktap_test_result "bind" bind_device
ktap_test_result "alloc_is_traced" alloc_is_traced
ktap_test_result "is_as_before" is_as_before
ktap_finished
