#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In this script drivers register and release handlers over and over: on an INTx line that two devices share, all with one name, and
# while the kernel suspends and resumes interrupts. The kernel's warnings fail a test.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

driver=ownership_lines

# rounds_for PARAMETER COMMAND...: runs the command while handlers are registered.
rounds_for()
{
	dmesg -c >/dev/null
	modprobe "$driver" "$1" || return
	shift
	"$@"
	done=$?
	rmmod "$driver" || return
	dmesg | grep 'ownership_lines: lines: ' >/tmp/lines
	if [ "$done" != 0 ] || ! grep -q 'lines: [1-9][0-9]* rounds' /tmp/lines || grep -qv rounds /tmp/lines; then
		diag_lines </tmp/lines
	fi
}

suspends()
{
	for _ in 1 2 3 4 5; do
		survives_suspend || return
	done
}

share_a_line()
{
	for one in $devices; do
		cat "$pci/devices/$one/irq"
	done | sort -u >/tmp/numbers
	[ "$(wc -l </tmp/numbers)" = 1 ] || diag_lines </tmp/numbers
}

devices=$(cd "$pci/devices" && for one in *; do grep -lx 0x11e8 "$one/device"; done | cut -d / -f 1)
dev=${devices%%[!0-9a-f:.]*}
remember
plan 1
subtest lines 4
check devices_share_a_line share_a_line
check one_name_on_both_devices rounds_for messages=0 sleep 8
check suspended_in_between rounds_for messages=1 suspends
check leaves_nothing as_before
subtest_end
