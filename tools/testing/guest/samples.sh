#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script binds and unbinds the two samples on the edu device again and again, counts their interrupts, and checks that nothing
# is left. Which kind of interrupt they must get depends on how the guest was booted: a machine that has no MSI says
# kind_due=INTx.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/edu.sh
. /scripts/lib/edu.sh

kind_due=${kind_due:-MSI}
grep -qw pci=nomsi /proc/cmdline && kind_due=INTx

# gone DRIVER: checks that the module is gone after it was removed while bound, and that the device has no driver.
gone()
{
	is_unbound || return 1
	[ ! -e "$pci/drivers/$1" ] || diag "the driver $1 is still registered"
}

model()
{
	driver=rust_driver_pci_$1
	subtest "$1" 9
	remember
	mark
	check load modprobe "$driver"
	check interrupt in_use "$driver"
	check "uses_$kind_due" expect_kind "$kind_due"
	check unbind unbind "$driver"
	check unbind_leaves_nothing as_before
	check "rebind_$rounds" rebind "$driver"
	check bind_again bind "$driver"
	check remove_while_bound rmmod "$driver"
	check remove_leaves_nothing removed "$driver"
	subtest_end
}

removed()
{
	gone "$1" && as_before
}

# With both loaded, the device goes from one owner to the other and back.
taking_turns()
{
	round=0
	while [ "$round" -lt 20 ]; do
		round=$((round + 1))
		for driver in rust_driver_pci_explicit rust_driver_pci_managed; do
			mark
			bind "$driver" && in_use "$driver" && unbind "$driver" && as_before && continue
			diag "round $round of 20, $driver"
			return
		done
	done
}

both()
{
	modprobe rust_driver_pci_explicit && modprobe rust_driver_pci_managed && unbind rust_driver_pci_explicit
}

plan 3
find_device 1234:11e8 || exit
model explicit
model managed
subtest both_models 4
remember
check load_both both
check taking_turns taking_turns
check remove_both rmmod rust_driver_pci_explicit rust_driver_pci_managed
check leaves_nothing as_before
subtest_end
