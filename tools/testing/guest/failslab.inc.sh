# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# Memory allocations that fail one after the other while a driver binds. Needs lib.sh and a kernel with CONFIG_FAILSLAB.

failslab=/sys/kernel/debug/failslab
echo N >"$failslab/ignore-gfp-wait"
echo 0 >"$failslab/verbose"

# fail NTH: binds $dev to $driver while the NTH allocation fails; $left is 0 if there were as many.
fail()
{
	# What the shell does is done by this process itself, so the count is of its allocations.
	echo "$1" >/proc/self/fail-nth
	echo "$dev" >"$pci/drivers/$driver/bind"
	read -r left </proc/self/fail-nth
	echo 0 >/proc/self/fail-nth
} 2>/dev/null

# allocations_fail STEP [NEEDED]: every STEPth, until there are less. Each time the driver binds all the same or not at all, and
# nothing is left. So many of them at least (4) it cannot do without.
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
		as_before || diag "after allocation $nth failed" || return
		[ "$left" = 0 ] || break
		nth=$((nth + step))
	done
	echo "$ktap_indent# of $((nth / step)) allocations, $failed are needed to bind"
	[ "$failed" -ge "${2:-4}" ] || diag "only $failed failures: is failslab at work?"
}

# Prints where FUNCTION begins and the next one does.
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

# fails_below FUNCTION [MADE]: the first allocation that FUNCTION makes, whoever calls it, fails while $driver binds. It does not
# bind; or, if a worker of it makes what is called MADE below the device, it does not make that. Nothing is left.
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

# enabled: takes the device's first enabling out of the count. That is ACPI's work, which uses memory that it has freed when an
# allocation of its own fails.
enabled()
{
	echo 1 >"$pci/devices/$dev/enable"
	left_enabled=$dev
}

# Of what the kernel reports one thing is due: an interrupt whose files in /proc could not be made is taken away with a warning that
# they are not there. Another may be, which a suite adds.
due='WARNING: .*remove_proc_entry'

# Twice would be once too often, for what this itself prints goes into the log.
nothing_else_reported()
{
	! dmesg -c | grep -E '^.{0,20}(WARNING|BUG|INFO|Oops)[: ]|KASAN|irq vectors: .*leaked' |
		grep -Ev "$due" >/tmp/reported || diag_lines </tmp/reported
}
