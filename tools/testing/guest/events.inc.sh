# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# What happens to a device from outside: it is reset, sleeps, and somebody looks at its interrupts. Needs lib.sh.

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

# Reads all there is to read about interrupts.
read_irqs()
{
	cat /sys/kernel/irq/*/* "$pci/devices"/*/msi_irqs/* /proc/interrupts /sys/kernel/debug/pci_irq_vectors >/dev/null ||
		diag "something about interrupts cannot be read"
	for irq in /proc/irq/[0-9]*; do
		cat "$irq"/*affinity* "$irq/spurious" >/dev/null || diag "something in $irq cannot be read" || return
	done
}
