#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs a converted driver on a function of the software PCI bus. The kernel's command line names the description of the
# function in converted/ by converted=. The description also says how far the driver comes. Each step up to there is a test, and
# nothing may be left afterwards.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh
# shellcheck source=tools/testing/guest/lib/recorded.sh
. /scripts/lib/recorded.sh

# Some kernels can make allocations fail.
if [ -d /sys/kernel/debug/failslab ]; then
	can_starve=1
	# shellcheck source=tools/testing/guest/lib/failslab.sh
	. /scripts/lib/failslab.sh
else
	can_starve=0
fi

# Its lines that begin with "# KEY: " are for this script: "module" and "parameters" to load, "driver" if no ID leads to it, "comes"
# with the last step and "stops" with what stops it there, "opens" if it allocates when its network interface is opened, "before" with
# commands before it is loaded, "then" with commands after each probe, and "says" with what the driver prints when a worker of it has
# probed. "quiet", "wakes", "stays" and "starves" have a reason why no interrupt
# is raised, why it is not suspended, why the device is not pulled out, and why no allocation fails.

description=/scripts/converted/${converted:?}
control=/sys/kernel/debug/pci-soft/control

# about KEY: prints the value of KEY in the description.
about()
{
	sed -n "s/^# $1: //p" "$description"
}

# obey KEY: runs the commands that the description has for KEY.
obey()
{
	about "$1" >/tmp/commands
	while IFS= read -r command <&3; do
		eval "$command" || diag "failed: $command" || return
	done 3</tmp/commands
}

module=$(about module)
parameters=$(about parameters)
stops=$(about stops)
comes=$(about comes)
# The step that the driver reaches, or "idle" if it is bound and allocates nothing.
case $comes in
probed | idle) due=1 ;;
reached) due=2 ;;
bound) due=3 ;;
*) due=4 ;;
esac

# step NUMBER NAME COMMAND...: makes a check, unless the driver is known to stop before it.
step()
{
	number=$1
	shift
	if [ "$due" -ge "$number" ]; then
		check "$@"
	else
		skip "$1" "$stops"
	fi
}

# unless KEY NUMBER NAME COMMAND...: makes a step, unless the description has a reason under KEY not to.
unless()
{
	why=$(about "$1")
	shift
	if [ -n "$why" ]; then
		skip "$2" "$why"
	else
		step "$@"
	fi
}

# --- What is watched ----------------------------------------------------------------------------------------------------

# The calls that allocate vectors. The kernel without the rule has no managed call, and a call that another one makes may have been
# inlined.
allocations='pcim_alloc_irq_vectors_affinity pci_alloc_irq_vectors_affinity pci_alloc_irq_vectors pci_enable_msix_range pci_enable_msi'

watch()
{
	echo "r:soft/probe pci_device_probe is=\$retval:s32" >$tracing/kprobe_events || return
	for call in $allocations; do
		echo "r:soft/$call $call is=\$retval:s32" >>$tracing/kprobe_events
	done 2>/dev/null
	echo 1 >$tracing/events/soft/enable
}

# Prints the results of the calls of one event, or of all.
returned()
{
	sed -n "s/.* \($1\): (.*) is=\(.*\)/\1 \2/p" $tracing/trace
}

said()
{
	dmesg | grep -q "$says"
}

# Makes a driver probe the device, and waits for its worker, if it has one. If the driver allocates vectors when its network interface is opened, opens that.
probe()
{
	dmesg -c >/dev/null
	echo "$dev" >$pci/drivers_probe
	says=$(about says)
	[ -z "$says" ] || wait_for said || diag "the driver does not say '$says'" || return
	obey 'then'
	[ -n "$(about opens)" ] || return 0
	for interface in "$pci/devices/$dev"/net/*; do
		ip link set "${interface##*/}" up
	done
}

was_probed()
{
	record
	probe
	returned '[a-z_]*' | diag_lines
	[ -n "$(returned probe)" ] || diag "no driver has probed $dev"
}

has_reached()
{
	[ -n "$(returned 'pcim\{0,1\}_[a-z_]*')" ] || diag "it has not allocated vectors"
}

stops_there()
{
	[ "$due" -ge 2 ] || [ -z "$(returned 'pcim\{0,1\}_[a-z_]*')" ] || diag "it allocates vectors" || return
	if [ "$comes" = idle ]; then
		is_driven
	else
		# It may have unbound itself a little later.
		wait_for [ ! -e "$pci/devices/$dev/driver" ]
		is_unbound
	fi
}

# --- What it goes through -----------------------------------------------------------------------------------------------

appears()
{
	cat "$description" >$control || diag "there can be no such function" || return
	# shellcheck disable=SC2046 # several words
	set -- $(sed -n 's/^ids //p' "$description")
	find_device "${1#0x}:${2#0x}"
}

# A driver that has no module is built in.
load()
{
	obey before || return
	if [ -n "$module" ]; then
		# shellcheck disable=SC2086 # several words
		modprobe "$module" $parameters || return
	fi
	about driver >"$pci/devices/$dev/driver_override"
}

is_driven()
{
	[ -e "$pci/devices/$dev/driver" ] || diag "no driver is bound to $dev"
}

# A driver may register its handlers later, when it is used.
has_handler()
{
	find_irqs
	for handler in "/proc/irq/${irqs%% *}"/*/; do
		[ -d "$handler" ] && return 0
	done
	return 1
}

interrupts()
{
	count_irqs
	earlier=$count
	echo raise 0 0 >$control
	wait_for handled || diag "the first of $irqs was raised and not handled"
}

handled()
{
	count_irqs
	[ "$count" -gt "$earlier" ]
}

# The kernel replaces its first clock a little after booting. The bus obeys rules too late for some drivers at that time.
clock_is_final()
{
	grep -qx tsc /sys/devices/system/clocksource/clocksource0/current_clocksource
}

undrive()
{
	echo "$dev" >"$pci/devices/$dev/driver/unbind"
	is_unbound && as_before
}

rebind()
{
	for round in 1 2 3; do
		probe
		is_driven && undrive || diag "round $round of 3" || return
	done
	probe
	is_driven
}

# bound_again COMMAND...: loads and binds the driver once more, and removes it after the command.
bound_again()
{
	remember
	load && probe && is_driven || return
	"$@" || return
	undrive || return
	[ -z "$module" ] || rmmod "$module"
}

# All devices are suspended and resumed. Some drivers free their vectors and allocate them anew.
sleeps()
{
	survives_suspend && is_driven
}

# Memory allocations of probe() fail, spread over all that it makes. On a kernel with sanitizers each attempt takes about a second, so
# no more than about twenty allocations fail.
starves()
{
	driver=$(bound_to)
	undrive && count_allocations || return
	allocations_fail $((made / 20 + 1)) 1 && probe && is_driven
}

# The device is pulled out while its driver is bound to it, which has to let go of it.
leaves()
{
	echo "unplug 0" >$control
}

unload()
{
	if [ -n "$module" ]; then
		rmmod "$module" && as_before
	else
		undrive
	fi
}

bus_goes()
{
	echo "remove 0" >$control && rmmod pci-soft || return
	[ ! -e "$pci/devices/$dev" ] || diag "$dev is still there" || return
	! grep soft /proc/interrupts /proc/iomem
}

wait_for clock_is_final || diag "the clock is not the time-stamp counter"

# No driver binds by itself, also none to the machine's own devices.
echo 0 >$pci/drivers_autoprobe
modprobe pci-soft
watch
plan 1
subtest "$converted" $((13 + can_starve))
check appears appears
[ -n "${dev:-}" ] || exit
remember
check loads load
step 1 probed was_probed
step 2 reached has_reached
if [ "$due" -ge 3 ]; then
	check bound is_driven
else
	check stops_there stops_there
fi
quiet=$(about quiet)
if [ -z "$quiet" ] && ! has_handler; then
	quiet="vector 0 has no handler"
fi
if [ "$due" -ge 3 ] && [ -n "$quiet" ]; then
	skip interrupts "$quiet"
else
	step 3 interrupts interrupts
fi
step 4 unbinds undrive
if [ "$due" = 4 ]; then
	check gives_back gave_back
else
	recorded
	skip gives_back "$stops"
fi
step 4 rebinds rebind
if [ "$due" = 3 ]; then
	skip unloads "$stops"
	[ "$can_starve" = 0 ] || skip starves "$stops"
	skip sleeps "$stops"
	skip leaves "$stops"
	skip bus_goes "$stops"
else
	check unloads unload
	[ "$can_starve" = 0 ] || unless starves 4 starves bound_again starves
	unless wakes 4 sleeps bound_again sleeps
	unless stays 4 leaves bound_again leaves
	check bus_goes bus_goes
fi
subtest_end
