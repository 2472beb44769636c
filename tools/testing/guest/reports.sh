#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script reads what shows ownership: the debugfs file and the trace events, and checks that these agree with the reports.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

trace=/sys/kernel/tracing
list=/sys/kernel/debug/pci_irq_vectors

# Prints the fields of $dev's line in debugfs, one space between.
listed()
{
	awk -v dev="$dev" '$1 == dev { $1 = $1; print }' "$list"
}

# expect TEXT FOUND
expect()
{
	[ "$1" = "$2" ] || diag "expected '$1', found '$2'"
}

# Prints the trace events since the last time, without what comes before their names.
events()
{
	sed -n 's/^.* \(pci_irq_vectors_[a-z]*: .*\)$/\1/p' "$trace/trace"
	echo >"$trace/trace"
}

# shows_owner DRIVER OWNER: checks the line of $dev in debugfs while the driver is bound.
shows_owner()
{
	expect "$dev $1 $2 yes no MSI" "$(listed)"
}

# The columns of all lines begin where those of the heading do.
is_aligned()
{
	awk 'NR == 1 { for (i = 2; i <= NF; i++) at[i] = index($0, $i) }
		NR > 1 { for (i in at) bad += substr($0, at[i] - 1, 1) != " " || substr($0, at[i], 1) == " " }
		END { exit NR < 2 || bad }' "$list" || diag_lines <"$list"
}

shows_heading_only()
{
	expect "device driver owner guard silenced type" "$(awk '{ $1 = $1; print }' "$list")"
}

# traces LINE...: checks that $dev had exactly these events. Each allocation is one event, with the final owner.
traces()
{
	due=$(for line in "$@"; do echo "pci_irq_vectors_${line%% *}: $dev ${line#* } type=MSI count=1"; done)
	expect "$due" "$(events)"
}

sample()
{
	driver=rust_driver_pci_$1
	subtest "$1" 6
	events >/dev/null
	check load modprobe "$driver"
	check debugfs_shows_owner shows_owner "$driver" "$2"
	check debugfs_is_aligned is_aligned
	check trace_has_allocation traces "alloc owner=$2"
	rmmod "$driver"
	check debugfs_forgets_it shows_heading_only
	check trace_has_free traces "free owner=$2"
	subtest_end
}

# tell FILE: prints the events in it, which the runner compares with the rule. The kernel's log takes one line at a time.
tell()
{
	while read -r event; do
		echo "trace: $event"
	done <"$1"
}

# Counts the lines of a file that have the words.
count_lines()
{
	grep -c "$2" "$1"
}

# as_often WORDS-IN-LOG WORDS-IN-TRACE: checks that there are as many reports as trace events, and at least one.
as_often()
{
	lines=$(count_lines /tmp/log "$1")
	traced=$(count_lines /tmp/events "$2")
	if [ "$lines" != "$traced" ] || [ "$lines" = 0 ]; then
		diag "$lines lines with '$1' in the log, $traced events with '$2'"
	fi
}

# The test of the rule provokes every kind of report.
provoke()
{
	dmesg -c >/dev/null
	events >/dev/null
	echo 1 >/sys/kernel/debug/clear_warn_once
	modprobe pci_ownership_kunit && rmmod pci_ownership_kunit
	dmesg >/tmp/log
	events >/tmp/events
	tell /tmp/events
}

# An explicit guard of the Rust test becomes managed, which is the only event of the kind "claim". The test has several last cases,
# one each time it binds.
provoke_claim()
{
	driver=rust_pci_ownership_test
	events >/dev/null
	modprobe "$driver"
	for _ in 1 2 3; do
		unbind "$driver" && bind "$driver"
	done
	rmmod "$driver"
	events >/tmp/claims
	tell /tmp/claims
}

claims_are_of_explicit_vectors()
{
	awk '/pci_irq_vectors_alloc: / { owner = $3 }
		/pci_irq_vectors_claim: / { n++; bad += owner != "owner=driver" || $3 != "owner=device" }
		END { exit !n || bad }' /tmp/claims || diag "claims: $(grep -c claim /tmp/claims)"
}

# reported TEXT: checks that $dev has reported this, and nothing else, since the last time.
reported()
{
	dmesg -c | sed -n 's/^.*: irq vectors: //p' >/tmp/reported
	expect "$1" "$(cat /tmp/reported)"
}

# C code tries to free vectors that a Rust guard stands for: they stay, the device is silenced, and both are reported.
foreign()
{
	driver=rust_driver_pci_managed
	subtest foreign 7
	check load modprobe "$driver"
	dmesg -c >/dev/null
	check free_managed modprobe ownership_foreign managed=Y
	rmmod ownership_foreign
	check guard reported 'managed free refused, a Rust guard stands for the MSI vectors'
	check free_explicit modprobe ownership_foreign managed=N
	rmmod ownership_foreign
	check device_owns reported 'free refused, the device owns the MSI vectors until detach'
	check silenced expect "$dev $driver device yes yes MSI" "$(listed)"
	rmmod "$driver"
	check debugfs_forgets_it shows_heading_only
	subtest_end
}

# With CONFIG_PCI_DEVRES_RUST_DEBUG the first report of each kind comes with a warning and a stack trace, otherwise none does. The
# debug kernel, which also has failslab, is built with it.
reports_have_stacks_when_debugging()
{
	due=0
	if [ -e /sys/kernel/debug/failslab ]; then
		for kind in 'allocation refused' 'free refused, handler' 'free refused, the device' 'managed free refused, the driver' \
			'managed free refused, a Rust guard' 'handler .* leaked' 'MSI\(-X\)* vectors leaked'; do
			! grep -q ": irq vectors: $kind" /tmp/log || due=$((due + 1))
		done
	fi
	expect "$due" "$(grep -c 'WARNING: .* pci_irq_[a-z]*_report[_+]' /tmp/log)"
}

# Reports and events name functions, devices and numbers, and no address in memory.
has_no_address()
{
	! grep -hE 'irq vectors: .*[0-9a-f]{12}|pci_irq_vectors_.*[0-9a-f]{12}' /tmp/log /tmp/events >/tmp/told || diag_lines </tmp/told
}

find_device 1234:11e8 || exit
echo 8192 >"$trace/buffer_size_kb"
echo 1 >"$trace/events/pci_irq_vectors/enable"
# The results of the test are a document of their own, before ours.
provoked=false
if provoke; then
	provoked=true
fi
provoke_claim
plan 4
sample managed device
sample explicit driver
foreign
subtest reports_are_traced 9
check provoke "$provoked"
check device_owns as_often 'free refused, the device owns' 'reason=free-device-owns'
check driver_owns as_often 'managed free refused, the driver owns' 'reason=free-driver-owns'
check handler as_often 'free refused, handler' 'reason=free-handler'
check leak as_often 'vectors leaked by the driver' 'pci_irq_vectors_contain: .* owner=driver'
check stacks reports_have_stacks_when_debugging
check claims claims_are_of_explicit_vectors
check busy as_often 'allocation refused' 'reason=alloc-busy'
check no_address has_no_address
subtest_end
