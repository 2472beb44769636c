# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Functions that make memory allocations fail, one after the other, while a driver binds. Needs common.sh and a kernel with
# CONFIG_FAILSLAB.

failslab=/sys/kernel/debug/failslab
echo N >"$failslab/ignore-gfp-wait"
echo 0 >"$failslab/verbose"

# fail NTH: binds $dev to $driver while the NTH allocation fails. Sets $left to 0 if there were that many.
fail()
{
	# The shell's own commands run in this process, so only its allocations are counted.
	echo "$1" >/proc/self/fail-nth
	echo "$dev" >"$pci/drivers/$driver/bind"
	read -r left </proc/self/fail-nth
	echo 0 >/proc/self/fail-nth
} 2>/dev/null

# count_allocations: sets $made to the number of allocations that binding $dev to $driver makes.
count_allocations()
{
	fail 1000000000
	made=$((1000000000 - left))
	unbind "$driver"
}

# allocations_fail STEP [NEEDED]: makes every STEPth allocation fail in turn, until binding makes fewer. Each time the driver must
# bind or not bind, and leave nothing. What is left stays, so looking after every eighth failure finds it, and takes less
# time. At least NEEDED (4) of the failures must keep it from binding.
allocations_fail()
{
	nth=$1 step=$1 failed=0
	while :; do
		fail "$nth"
		if [ -e "$pci/drivers/$driver/$dev" ]; then
			unbind "$driver" || return
		else
			failed=$((failed + 1))
		fi
		[ "$left" = 0 ] || break
		[ $((nth / step % 8)) != 0 ] || as_before || diag "after allocation $nth or one of the seven before failed" || return
		nth=$((nth + step))
	done
	as_before || diag "after the last allocations failed" || return
	echo "$ktap_indent# of $((nth / step)) allocations, $failed are needed to bind"
	[ "$failed" -ge "${2:-4}" ] || diag "only $failed failures: is failslab at work?"
}

# Prints the addresses of FUNCTION and of the next function.
addresses()
{
	sort /proc/kallsyms | awk -v name="$1" '
		$3 == name && !start { start = $1 }
		start && $1 != start { print "0x" start, "0x" $1; exit }'
}

spent()
{
	[ "$(cat "$failslab/times")" = 0 ]
}

# fails_below FUNCTION [MADE]: makes the first allocation in FUNCTION fail while $driver binds. The driver must not bind; or, if a
# worker of it makes what is called MADE below the device, it must not make that. Nothing may be left.
fails_below()
{
	range=$(addresses "$1")
	[ -n "$range" ] || diag "the kernel has no function $1" || return
	echo "${range% *}" >"$failslab/require-start"
	echo "${range#* }" >"$failslab/require-end"
	echo 32 >"$failslab/stacktrace-depth"
	echo 1 >"$failslab/times"
	echo 100 >"$failslab/probability"
	echo "$dev" >"$pci/drivers/$driver/bind" 2>/dev/null
	wait_for spent
	happened=$?
	echo 0 >"$failslab/probability"
	echo 0 >"$failslab/require-start"
	echo 0xffffffffffffffff >"$failslab/require-end"
	[ "$happened" = 0 ] || diag "nothing was allocated below $1" || return
	if [ -n "$2" ]; then
		sleep 1
		[ ! -e "$pci/devices/$dev/$2" ] || diag "there is a $2 although $1 had no memory" || return
		unbind "$driver" || return
	fi
	is_unbound && as_before
}

# enabled: enables the device once beforehand, so that this is not counted. ACPI does it, and uses memory that it has freed when an
# allocation of its own fails.
enabled()
{
	echo 1 >"$pci/devices/$dev/enable"
	left_enabled=$dev
}

# One warning of the kernel is expected: it frees an interrupt whose files in /proc could not be made, and warns that they are not
# there. A script may add another.
due='WARNING: .*remove_proc_entry'

# Print it once only, because the output here goes into the log that is searched.
nothing_else_reported()
{
	! dmesg -c | grep -E '^.{0,40}(WARNING|BUG|INFO|Oops)[: ]|KASAN|irq vectors: ' |
		grep -Ev "$due" >/tmp/reported || diag_lines </tmp/reported
}
