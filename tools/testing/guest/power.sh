#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script puts the machine to sleep while a driver has vectors of a device: it suspends it to RAM, hibernates it to a disk, and
# executes another kernel. The vectors have to be the same after sleep, and to interrupt. Three kernels run this script: the first one,
# the one that finds its image on the disk, and the one that it executes.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

swap=/dev/sda

# suspend: sleeps until the clock wakes the machine. The machine resets its devices.
suspend()
{
	echo +2 >/sys/class/rtc/rtc0/wakealarm
	echo deep >/sys/power/mem_sleep
	echo mem >/sys/power/state || diag "suspending to RAM failed" || return
	read -r successes </sys/power/suspend_stats/success
	[ "$successes" -gt "$suspended" ] || diag "the machine did not sleep" || return
	suspended=$successes
}

# hibernate: writes an image and resets the machine. The write succeeds in the image, once it has been restored.
hibernate()
{
	echo reboot >/sys/power/disk
	echo disk >/sys/power/state || diag "hibernating failed"
}

# sleeps NAME ID DRIVER [PARAMETER]
sleeps()
{
	driver=$3
	subtest "$1" 6
	find_device "$2"
	remember
	# shellcheck disable=SC2086 # none or one
	check load modprobe "$driver" $4
	check interrupts each_vector_interrupts
	check suspend_to_ram same_vectors suspend
	check hibernation same_vectors hibernate
	check unbind unbind "$driver"
	check leaves_nothing as_before
	rmmod "$driver"
	subtest_end
}

# The next kernel finds the device as the driver left it, and still interrupting.
execute()
{
	cat /dev/sdb >/tmp/kernel
	cat /dev/sdc >/tmp/initramfs
	read -r words </proc/cmdline
	find_device 1234:11e8
	modprobe rust_driver_pci_managed
	storm &
	kexec /tmp/kernel /tmp/initramfs "$words executed=1"
}

# The machine is powered off while the device interrupts.
after_execution()
{
	plan 1
	subtest executed 5
	find_device 1234:11e8
	remember
	check load modprobe rust_driver_pci_managed
	check interrupts each_vector_interrupts
	check unbind unbind rust_driver_pci_managed
	check leaves_nothing as_before
	check bind bind rust_driver_pci_managed
	subtest_end
	storm &
}

# The disks are found in the background.
modprobe ahci
wait_for [ -b /dev/sdc ] || diag "no third disk"

if [ "${executed:-0}" = 1 ]; then
	after_execution
elif [ "$(dd if=$swap bs=1 skip=4086 count=9 2>/dev/null)" = S1SUSPEND ]; then
	cat /sys/class/block/sda/dev >/sys/power/resume
	echo "the image was not restored"
else
	mkswap "$swap" >/dev/null
	swapon "$swap"
	suspended=0
	plan 4
	sleeps explicit 1234:11e8 rust_driver_pci_explicit
	sleeps managed 1234:11e8 rust_driver_pci_managed
	sleeps msix_explicit 8086:10d3 rust_driver_pci_msix managed=N
	sleeps msix_managed 8086:10d3 rust_driver_pci_msix managed=Y
	execute
fi
