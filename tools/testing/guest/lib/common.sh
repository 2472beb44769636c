# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# Functions that all guest scripts use: KTAP output, PCI devices in sysfs, and the state of the system that a driver must restore.

# --- KTAP ---------------------------------------------------------------------------------------------------------------

# plan N: begins a document of N subtests or tests.
plan()
{
	echo "KTAP version 1"
	echo "1..$1"
	ktap_outer=0 ktap_indent=''
}

# subtest NAME N: begins a subtest of N tests.
subtest()
{
	ktap_subtest=$1 ktap_indent='    ' ktap_number=0 ktap_bad=0
	echo "    KTAP version 1"
	echo "    # Subtest: $1"
	echo "    1..$2"
}

# check NAME COMMAND...: runs one test, which passes if the command succeeds.
check()
{
	ktap_test=$1
	shift
	if "$@"; then
		result ok
	else
		result 'not ok'
	fi
}

# skip NAME WHY
skip()
{
	ktap_test="$1 # SKIP $2"
	result ok
}

result()
{
	if [ -n "$ktap_indent" ]; then
		ktap_number=$((ktap_number + 1))
		echo "$ktap_indent$1 $ktap_number $ktap_test"
	else
		ktap_outer=$((ktap_outer + 1))
		echo "$1 $ktap_outer $ktap_test"
	fi
	[ "$1" = ok ] || ktap_bad=1
}

# Ends the subtest, which fails if one of its tests did.
subtest_end()
{
	ktap_indent='' ktap_test=$ktap_subtest
	if [ "$ktap_bad" = 0 ]; then
		result ok
	else
		result 'not ok'
	fi
}

# diag TEXT: prints an explanation, and fails, so that a check can end with it.
diag()
{
	echo "$ktap_indent# $*"
	return 1
}

# Prints the output of another program as an explanation.
diag_lines()
{
	while IFS= read -r line; do
		echo "$ktap_indent# $line"
	done
	return 1
}

# --- PCI ----------------------------------------------------------------------------------------------------------------

pci=/sys/bus/pci

# find_device VENDOR:DEVICE | class:CLASS: sets $dev to the address of the first such function.
find_device()
{
	for dev in "$pci"/devices/*; do
		read -r vendor <"$dev/vendor"
		read -r device <"$dev/device"
		read -r class <"$dev/class"
		dev=${dev##*/}
		case $1 in
		"${vendor#0x}:${device#0x}" | "class:${class#0x}") return 0 ;;
		esac
	done
	dev=
	diag "no device $1 in this machine"
}

# Prints the driver that $dev is bound to.
bound_to()
{
	[ -e "$pci/devices/$dev/driver" ] || return 0
	basename "$(readlink "$pci/devices/$dev/driver")"
}

is_bound()
{
	[ -e "$pci/drivers/$1/$dev" ] || diag "$dev is not bound to $1 but to '$(bound_to)'"
}

is_unbound()
{
	[ ! -e "$pci/devices/$dev/driver" ] || diag "$dev is still bound to '$(bound_to)'"
}

# bind DRIVER and unbind DRIVER: bind $dev to the driver, and unbind it.
bind()
{
	echo "$dev" >"$pci/drivers/$1/bind" || diag "binding $dev to $1 failed"
	is_bound "$1"
}

unbind()
{
	echo "$dev" >"$pci/drivers/$1/unbind" || diag "unbinding $dev from $1 failed"
	is_unbound
}

# Sets $irqs to the interrupts of $dev (its vectors, or the INTx line), $kind to MSI or INTx.
find_irqs()
{
	irqs='' kind=MSI
	for irq in "$pci/devices/$dev/msi_irqs"/*; do
		[ -e "$irq" ] && irqs="$irqs ${irq##*/}"
	done
	if [ -z "$irqs" ]; then
		kind=INTx
		read -r irqs <"$pci/devices/$dev/irq"
	fi
	irqs=${irqs# }
}

# Sets $count to how often the interrupts in $irqs have been handled so far.
count_irqs()
{
	count=0
	while read -r number rest; do
		number=${number%:}
		case " $irqs " in
		*" $number "*) ;;
		*) continue ;;
		esac
		for word in $rest; do
			case $word in
			*[!0-9]*) break ;;
			*) count=$((count + word)) ;;
			esac
		done
	done </proc/interrupts
}

# wait_for COMMAND...: waits until the command succeeds, ten seconds at most.
wait_for()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] || return 1
		usleep 100000
	done
}

# --- State --------------------------------------------------------------------------------------------------------------

# Names a device that its driver leaves enabled on purpose. Its INTx line stays allocated, and gets its folder in /proc/irq with its
# first handler.
left_enabled=

# Names the devices whose state is compared, if these are more than $dev.
devices=

# Sets $handlers to the names of the handlers of an interrupt. The names of interrupt chips differ between architectures, so they are
# not taken from /proc/interrupts.
handlers_of()
{
	handlers=
	{ read -r handlers <"/sys/kernel/irq/$1/actions"; } 2>/dev/null
	[ -n "$handlers" ]
}

# Prints everything in the system that a driver of $dev or $devices must leave as it found it.
state()
{
	for path in /sys/kernel/irq/*; do
		irq=${path##*/}
		handlers_of "$irq" && echo "interrupt $irq: $handlers"
	done
	line=
	[ "$dev" != "$left_enabled" ] || read -r line <"$pci/devices/$dev/irq"
	for path in /proc/irq/* /proc/irq/*/*/ "$pci"/devices/*/msi_irqs/*; do
		[ -e "$path" ] && [ "$path" != "/proc/irq/$line" ] && echo "$path"
	done
	cat /proc/iomem /proc/ioports
	for one in ${devices:-$dev}; do
		read -r enabled <"$pci/devices/$one/enable"
		[ "$one" = "$left_enabled" ] || echo "enabled: $one $enabled"
	done
}

# remember: saves the state before the driver binds.
remember()
{
	before=$(state)
}

# Prints the folders of INTx lines that did not exist before. The kernel maps a line when a device is enabled for the first time or
# frees its vectors, and may keep it.
mapped_since()
{
	for one in ${devices:-$dev}; do
		[ ! -d "$pci/devices/$one/msi_irqs" ] || continue
		read -r line <"$pci/devices/$one/irq"
		echo "$before" | grep -qx "/proc/irq/$line" || echo "/proc/irq/$line"
	done
}

# Checks that the state is the one that was saved, and prints what differs.
as_before()
{
	# An empty list would match every line.
	{ mapped_since; echo none; } >/tmp/mapped
	after=$(state | grep -vxFf /tmp/mapped)
	[ "$before" = "$after" ] && return 0
	echo "$before" >/tmp/before
	echo "$after" >/tmp/after
	diag "state before the first bind (-) and now (+):"
	diff -U 0 /tmp/before /tmp/after | tail -n +3 | grep "^[-+]" | diag_lines
}
