#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# `make boot` runs this script: it takes each sample once from loading to removal. Each "verdict" line becomes a row of the table.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/edu.sh
. /scripts/lib/edu.sh

sample()
{
	driver=rust_driver_pci_$1
	subtest "$1" 5
	remember
	mark
	check load modprobe "$driver"
	check interrupt in_use "$driver"
	interrupts=$raised irq=$irqs type=$kind
	check unbind unbind "$driver"
	check leaves_nothing as_before
	left=$([ "$(state)" = "$before" ] && echo nothing || echo something)
	check remove rmmod "$driver"
	echo "verdict driver=$driver device=$dev type=$type irq=$irq interrupts=$interrupts left=$left"
	subtest_end
}

plan 2
find_device 1234:11e8 || exit
sample explicit
sample managed
