#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script tests the ownership rule on devices with many MSI-X vectors, nvme and virtio-rng, by a test module in C and one in
# Rust. After each unbind, with whatever the Rust module left behind, it resets the device, puts it to sleep, and reads everything
# that shows interrupts.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh
# shellcheck source=tools/testing/guest/lib/events.sh
. /scripts/lib/events.sh

driver=ownership_devices

# With pci=nomsi the module has one case.
if grep -qw pci=nomsi /proc/cmdline; then
	modprobe "$driver" nomsi=Y
	rmmod "$driver"
	exit
fi

test_module ownership_devices_kunit

# life: binds $dev once more, unbinds it, and checks what is left.
life()
{
	[ -e "$pci/devices/$dev/reset" ] || [ "$dev" != "$nvme" ] || diag "$dev cannot be reset" || return
	bind "$driver" && unbind "$driver" && as_before && survives_reset && survives_suspend && read_irqs && as_before
}

find_device 1b36:0010 && nvme=$dev
find_device 1af4:1044 && rng=$dev
devices="$nvme $rng"
remember
modprobe "$driver" 2>/tmp/said
loaded=$?
dev=$rng
unbind "$driver" >/tmp/said
dev=$nvme
unbind "$driver" >>/tmp/said
as_before >>/tmp/said
unbound=$?

# There is a round for each last case but the first, which ran when the module was loaded.
lives="$nvme/1 $nvme/2 $nvme/3 $nvme/4 $rng/1 $rng/2 $rng/3"
for one in $lives; do
	dev=${one%/*}
	file=/tmp/life.$(echo "$one" | tr / .)
	life >"$file"
	echo "$?" >"$file.status"
done
rmmod "$driver" 2>>/tmp/said
removed=$?

plan 1
subtest "$driver" 11
check loads said "$loaded" /tmp/said
check unbinds said "$unbound" /tmp/said
for one in $lives; do
	name=virtio-rng
	[ "${one%/*}" = "$rng" ] || name=nvme
	file=/tmp/life.$(echo "$one" | tr / .)
	check "${name}_survives_${one#*/}" said "$(cat "$file.status")" "$file"
done
check removes said "$removed" /tmp/said
check leaves_nothing as_before
subtest_end
