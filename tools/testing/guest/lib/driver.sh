# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# The steps that a driver of the tree goes through: it binds, works, unbinds and binds again, leaves nothing behind, and adds the
# same managed resources to its device, and removes them in the same order, as on the other kernel. Needs common.sh and recorded.sh.

# No driver binds by itself, so that a script decides which driver gets a device.
echo 0 >"$pci/drivers_autoprobe"

if [ "${long:-0}" = 1 ]; then
	rounds=100
else
	rounds=3
fi

# --- What it works with -------------------------------------------------------------------------------------------------

# find_below PATTERN...: sets $found to the first file of that name below $dev.
find_below()
{
	for pattern in "$@"; do
		# shellcheck disable=SC2086 # a pattern
		for found in "$pci/devices/$dev"/$pattern; do
			[ -e "$found" ] && return 0
		done
	done
	return 1
}

# Sets $node to the file in /dev of the entry that matches PATTERN below $dev.
find_node()
{
	find_below "$@" && node=/dev/${found##*/} && [ -e "$node" ]
}

# raised PATTERN: sets $count to how often the interrupts have been handled whose lines in /proc/interrupts match.
raised()
{
	count=$(awk -v pattern="$1" '$0 ~ pattern { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' \
		/proc/interrupts)
}

# interrupts PATTERN COMMAND...: checks that the command succeeds, and that the device interrupts meanwhile.
interrupts()
{
	pattern=$1
	shift
	raised "$pattern"
	earlier=$count
	"$@" || return
	raised "$pattern"
	[ "$count" -gt "$earlier" ] || diag "no interrupt of $pattern while it worked"
}

# keeps DISK: checks that the disk returns what was written to it. This bypasses the page cache, so that every round reaches the
# device.
keeps()
{
	head -c 16384 /dev/urandom >/tmp/written
	dd if=/tmp/written of="$1" bs=4096 oflag=direct 2>/tmp/dd &&
		dd if="$1" of=/tmp/read bs=4096 count=4 iflag=direct 2>/tmp/dd || diag_lines </tmp/dd || return
	cmp -s /tmp/written /tmp/read || diag "$1 does not keep what is written to it"
}

# disk LINES PATTERN: checks a disk below $dev.
disk()
{
	wait_for find_node "$2" || diag "no disk $2 behind $dev" || return
	interrupts "$1" keeps "$node"
}

# The hardware takes a while to find its link. This kernel has no alarms, by which ping would wake up.
answers()
{
	timeout 1 ping -c 1 10.0.2.2 >/tmp/ping 2>&1
}

# net PATTERN: checks an interface below $dev, to which QEMU answers.
net()
{
	wait_for find_below "$1" || diag "no network interface behind $dev" || return
	interface=${found##*/}
	ip link set "$interface" up && ip address add 10.0.2.15/24 dev "$interface" || return
	read -r earlier <"/sys/class/net/$interface/statistics/rx_packets"
	wait_for answers || diag "10.0.2.2 does not answer on $interface" || return
	read -r now <"/sys/class/net/$interface/statistics/rx_packets"
	[ "$now" -gt "$earlier" ] || diag "$interface has received nothing"
}

play()
{
	head -c 4000 /dev/zero >/dev/dsp || diag "/dev/dsp does not play"
}

# sound LINES: checks that a card below $dev plays half a second.
sound()
{
	wait_for find_below 'sound/card*/controlC*' || diag "no sound card behind $dev" || return
	wait_for [ -e /dev/dsp ] || diag "the card has no /dev/dsp" || return
	interrupts "$1" play
}

# Prints the address of BAR NUMBER of $dev.
bar()
{
	awk -v line="$1" 'NR == line + 1 { print $1 }' "$pci/devices/$dev/resource"
}

# --- What it goes through -----------------------------------------------------------------------------------------------

# The name of a driver in sysfs may differ from that of its module.
load()
{
	modprobe "$1" || return
	[ -z "$3" ] || "$3" || return
	[ -e "$pci/drivers/$2" ] || diag "$1 has no driver $2, there are: $(cd "$pci/drivers" && echo ./*)"
}

bind_and_use()
{
	{ [ -e "$pci/drivers/$1/$dev" ] || bind "$1"; } && "$2"
}

# This is set if a driver counts its devices and takes no more than eight. Its module is then loaded anew for each round.
reloads=

# rebind MODULE DRIVER WORKS PREPARE
rebind()
{
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		# The runner ends a guest that prints nothing for a minute, and not every driver prints.
		[ $((round % 10)) != 0 ] || echo "$ktap_indent# round $round of $rounds"
		bind_and_use "$2" "$3" && unbind "$2" && as_before && reload "$1" "$2" "$4" && continue
		diag "round $round of $rounds"
		return
	done
}

reload()
{
	[ -z "$reloads" ] || { remove "$1" && load "$@"; }
}

# The program that used the device last may still be closing it.
remove()
{
	wait_for removes "$1" || diag_lines </tmp/rmmod
}

removes()
{
	rmmod "$1" 2>/tmp/rmmod
}

# The kernel must not have reported that the driver leaked something.
leaks_nothing()
{
	! dmesg | grep "$dev: irq vectors: .*leaked by the driver" >/tmp/leaks || diag_lines </tmp/leaks
}

# driver NAME MODULE DRIVER DEVICE WORKS [PREPARE]: tests a driver. WORKS is a function that uses the device; PREPARE runs once the
# module is loaded.
driver()
{
	subtest "$1" 10
	shift
	find_device "$3"
	remember
	record
	check load load "$1" "$2" "$5"
	check works bind_and_use "$2" "$4"
	check unbind unbind "$2"
	check gives_back took_and_gave_back
	check unbind_leaves_nothing as_before
	check "rebind_$rounds" rebind "$1" "$2" "$4" "$5"
	check bind_again bind_and_use "$2" "$4"
	check remove_while_bound remove "$1"
	check remove_leaves_nothing as_before
	check leaks_nothing leaks_nothing
	subtest_end
}
