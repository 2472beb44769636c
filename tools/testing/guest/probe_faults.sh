#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script makes the probe of converted drivers fail: one memory allocation fails each time, among them one in the request of an
# interrupt, when vectors are live. The driver must then bind or not bind, leave nothing, and leak no vector. Needs a kernel with
# CONFIG_FAILSLAB.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

# shellcheck source=tools/testing/guest/lib/failslab.sh
. /scripts/lib/failslab.sh

# This is set if a worker of the driver probes, and names the entry that the worker creates below the device.
made=

# faults NAME MODULE DRIVER DEVICE FUNCTION STEP [NEEDED]: makes the first allocation below FUNCTION fail ("-" for none), and every
# STEPth in turn.
faults()
{
	driver=$3
	function=$5
	[ "$function" = - ] && tests=0 || tests=1
	[ "$6" = - ] || tests=$((tests + 1))
	subtest "$1" $((tests + 4))
	find_device "$4"
	enabled
	# One of the drivers has no list of devices.
	echo "$driver" >"$pci/devices/$dev/driver_override"
	remember
	modprobe "$2"
	[ ! -e "$pci/drivers/$driver/$dev" ] || unbind "$driver"
	[ "$function" = - ] || check "$function" fails_below "$function" "$made"
	[ "$6" = - ] || check allocations_fail allocations_fail "$6" "${7:-4}"
	check binds_again bind "$driver"
	check unbind unbind "$driver"
	rmmod "$2"
	check leaves_nothing as_before
	check nothing_else_reported nothing_else_reported
	subtest_end
}

echo 0 >"$pci/drivers_autoprobe"
plan 7
faults ahci ahci ahci class:010601 request_threaded_irq 101
# The driver requests its interrupt when a port is opened, and goes on without a port that it cannot register.
faults 8250_pci 8250_pci serial 1b36:0003 - 7 2
made=sound
faults snd_hda_intel snd_hda_intel snd_hda_intel class:040300 request_threaded_irq -
made=
faults sdhci_pci sdhci_pci sdhci-pci class:080501 request_threaded_irq 7
# The driver requests no interrupt for the emulated device.
faults cxl_pci cxl_pci cxl_pci class:050210 - 13
# Both have vectors only once a driver uses the vDPA device. The second one uses freed memory each time it is unbound, on the stock
# kernel as well. It comes last, because the kernel makes only one such report.
faults vp_vdpa vp_vdpa vp-vdpa 1af4:1041 - 1
due="$due|BUG: KASAN: slab-use-after-free in vp_legacy_remove"
faults eni_vdpa eni_vdpa alibaba-eni-vdpa 1af4:1000 - 3
