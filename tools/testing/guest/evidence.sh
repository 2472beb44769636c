#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs one case of the evidence: it takes the steps in $steps, from the kernel's command line, and prints the result
# of each. The runner judges them; the kernel under test may not survive the last step.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh

trace=/sys/kernel/tracing
ktap_indent=

say()
{
	echo "evidence: $*"
}

# outcome TEXT COMMAND...: prints whether the command succeeds.
outcome()
{
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		say "$what: ok"
	else
		say "$what: failed"
	fi
}

chip_names()
{
	for irq in $irqs; do
		if [ -e "/sys/kernel/irq/$irq" ]; then
			say "chip_name of irq $irq: '$(cat "/sys/kernel/irq/$irq/chip_name")'"
		else
			say "no irq $irq"
		fi
	done
}

# Prints how many resources of the devices are released on detach.
released()
{
	echo 0 >"$trace/tracing_on"
	say "$(grep -c ' devres_log: .* REL ' "$trace/trace") resources released"
}

step()
{
	case $1 in
	load:*)
		driver=${1#load:}
		modprobe "$driver" 2>/dev/null
		# The name of the driver may have dashes where that of the module has underscores.
		outcome "load $driver" is_bound "$driver"
		find_irqs
		;;
	rmmod) outcome "rmmod $driver" rmmod "$driver" ;;
	unbind) outcome unbind unbind "$driver" ;;
	bind) outcome bind bind "$driver" ;;
	reset) outcome reset eval "echo 1 >$pci/devices/$dev/reset" ;;
	chip) chip_names ;;
	trace)
		echo 1 >"$trace/events/dev/devres_log/enable"
		echo >"$trace/trace"
		;;
	released) released ;;
	state)
		if as_before >/tmp/difference; then
			say "left behind: nothing"
		else
			say "left behind:"
			sed -n 's/^# \([-+]\)/evidence:   \1/p' /tmp/difference
		fi
		;;
	esac
}

# $device and $steps are words of the kernel's command line.
# shellcheck disable=SC2154
find_device "$device" || exit
say "begin"
remember
IFS=,
# shellcheck disable=SC2154
for each in $steps; do
	unset IFS
	step "$each"
done
say "end"
