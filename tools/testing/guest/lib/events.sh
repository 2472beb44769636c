# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Functions that do something to a device from outside: they reset it, suspend it, make it interrupt, and read everything about
# its interrupts. Needs common.sh.

# Resets $dev through sysfs, if it can be reset.
survives_reset()
{
	[ -e "$pci/devices/$dev/reset" ] || return 0
	echo 1 >"$pci/devices/$dev/reset" || diag "resetting $dev failed"
}

# Suspends all devices to the last step before the processor would sleep, and resumes them, which restores MSI and MSI-X.
survives_suspend()
{
	[ -e /sys/power/pm_test ] || diag "this kernel cannot test suspend" || return
	echo platform >/sys/power/pm_test
	echo 0 >/sys/module/suspend/parameters/pm_test_delay
	echo freeze >/sys/power/state || diag "suspend failed"
}

# Reads all files about interrupts.
read_irqs()
{
	cat /sys/kernel/irq/*/* "$pci/devices"/*/msi_irqs/* /proc/interrupts /sys/kernel/debug/pci_irq_vectors >/dev/null ||
		diag "something about interrupts cannot be read"
	for irq in /proc/irq/[0-9]*; do
		cat "$irq"/*affinity* "$irq/spurious" >/dev/null || diag "something in $irq cannot be read" || return
	done
}

# poke OFFSET VALUE: writes a register of $dev.
poke()
{
	read -r bar rest <"$pci/devices/$dev/resource"
	devmem $((bar + $1)) 32 "$2" || diag "writing register $1 of $dev failed"
}

# Makes the device interrupt. On edu this raises the interrupt; on e1000e it lets all five causes interrupt, each by its vector,
# and raises them, see samples/rust/rust_driver_pci_msix.rs.
raise()
{
	read -r device <"$pci/devices/$dev/device"
	case $device in
	0x10d3)
		poke 0xd8 0xffffffff
		poke 0xe4 0x000cba98
		poke 0xdc 0x01f00000
		poke 0xd0 0x01f00000
		poke 0xc8 0x01f00000
		;;
	*) poke 0x60 1 ;;
	esac
}

# Lowers the interrupts that raise() raised.
lower()
{
	# MSI-X must not be switched off at once, see the sample.
	usleep 10000
	[ "$device" != 0x10d3 ] || poke 0xd8 0xffffffff
}

# Checks that as many interrupts as there are vectors in $irqs have arrived since $earlier.
have_come()
{
	count_irqs
	[ $((count - earlier)) -ge "$(echo "$irqs" | wc -w)" ]
}

# Raises the interrupts of $dev, and checks that each of its vectors has interrupted.
each_vector_interrupts()
{
	find_irqs
	count_irqs
	earlier=$count
	raise || return
	wait_for have_come || diag "$((count - earlier)) interrupts on $irqs"
	came=$?
	lower
	return "$came"
}

# same_vectors COMMAND...: checks that the vectors are the same after the command, and interrupt.
same_vectors()
{
	find_irqs
	vectors=$irqs
	"$@" && each_vector_interrupts || return
	[ "$vectors" = "$irqs" ] || diag "vectors were $vectors, are $irqs"
}

# Removes the device, which unbinds its driver, and rescans the bus.
survives_removal()
{
	echo 1 >"$pci/devices/$dev/remove"
	[ ! -e "$pci/devices/$dev" ] || diag "$dev is still there" || return
	read_irqs || return
	echo 1 >"$pci/rescan"
	is_bound "$driver" && each_vector_interrupts
}

# Raises interrupts as fast as it can, whether a driver is bound or not, until /tmp/stop exists.
storm()
{
	until [ -e /tmp/stop ]; do
		raise
	done >/dev/null 2>&1
}

# byte OFFSET: prints a byte of the configuration space of $port.
byte()
{
	dd if="$pci/devices/$port/config" bs=1 skip="$(($1))" count=1 2>/dev/null | hexdump -e '1/1 "%d"'
}

# Sets $port to the port above $dev, and $express to the offset of its PCI Express capability.
find_port()
{
	port=$(basename "$(dirname "$(readlink "$pci/devices/$dev")")")
	express=$(byte 0x34)
	until [ "$(byte "$express")" = 16 ]; do
		express=$(byte "$express + 1")
	done
}

# set_command DEVICE BITS: sets the low byte of a device's command register.
set_command()
{
	printf '%b' "\\0$(printf %o "$2")" | dd of="$pci/devices/$1/config" bs=1 seek=4 conv=notrunc 2>/dev/null
}

# Cuts the power of the slot behind $port, and QEMU removes the device. The slot control register, which QEMU wants written in one
# piece, switches the power controller and the power indicator off. Before that, the port stops forwarding what processors write to the
# device: QEMU 7.2 sometimes ends with a segmentation fault if it removes an NVMe controller that is busy.
cut_power()
{
	command=$(byte 4)
	set_command "$port" $((command & ~2))
	printf '%b' "\\0$(printf %o "$(byte "$express + 24")")\\0$(printf %o $(($(byte "$express + 25") | 7)))" |
		dd of="$pci/devices/$port/config" bs=2 seek=$(((express + 24) / 2)) conv=notrunc 2>/dev/null
	set_command "$port" "$command"
}
