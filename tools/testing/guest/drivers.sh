#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script runs drivers of the tree that use managed PCI resources, on hardware that QEMU emulates.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/recorded.sh
. /scripts/lib/recorded.sh
# shellcheck source=tools/testing/guest/lib/driver.sh
. /scripts/lib/driver.sh

ahci()
{
	disk ahci 'ata*/host*/target*/*/block/sd*'
}

# The device uses the interrupts of the old IDE channels.
ata_piix()
{
	disk ata_piix 'ata*/host*/target*/*/block/sd*'
}

sdhci()
{
	disk mmc 'mmc_host/mmc*/mmc*/block/mmcblk*'
}

snd_hda_intel()
{
	sound snd_hda_intel
}

snd_intel8x0()
{
	sound snd_intel8x0
}

snd_ens1370()
{
	sound 'ENS1370|snd_ens1370'
}

# The two ports are wired to each other.
serial()
{
	ports=$(cd "$pci/devices/$dev" && find . -name 'ttyS*' | sed 's|.*/|/dev/|' | sort)
	# shellcheck disable=SC2086 # two words
	set -- $ports
	[ "$#" = 2 ] || diag "$dev has $# ports, expected 2: $*" || return
	read -r irq <"$pci/devices/$dev/irq"
	interrupts_by "$irq" sends "$1" "$2" && interrupts_by "$irq" sends "$2" "$1"
}

# interrupts_by IRQ COMMAND...: checks that the command succeeds, and that IRQ is raised meanwhile. A closed port has no handler, so
# /proc/interrupts does not list it after the command.
interrupts_by()
{
	handled=/sys/kernel/irq/$1/per_cpu_count
	earlier=$(($(tr , + <"$handled")))
	shift
	"$@" || return
	[ "$(($(tr , + <"$handled")))" -gt "$earlier" ] || diag "no interrupt in $handled while it worked"
}

# sends FROM TO
sends()
{
	stty -F "$1" raw -echo 115200 && stty -F "$2" raw -echo 115200 || return
	timeout 10 head -c 14 "$2" >/tmp/heard &
	usleep 200000
	printf 'from %s' "${1#/dev/}    " | head -c 14 >"$1"
	wait $!
	[ "$(cat /tmp/heard)" = "$(printf 'from %s' "${1#/dev/}    " | head -c 14)" ] ||
		diag "$2 heard '$(cat /tmp/heard)' from $1"
}

tulip()
{
	net 'net/*'
}

# This writes the label area of a memory module, which is safe on an emulated one.
i2c_i801()
{
	wait_for find_below 'i2c-[0-9]*' || diag "no bus behind $dev" || return
	bus=${found##*i2c-}
	i2cset -y "$bus" 0x50 0x20 "$((round % 200 + 1))" 2>/tmp/i2c || diag_lines </tmp/i2c || return
	got=$(i2cget -y "$bus" 0x50 0x20 2>&1)
	[ "$((got))" = "$((round % 200 + 1))" ] || diag "wrote $((round % 200 + 1)), read $got"
}

# What is drawn to the screen must arrive in the memory of the device.
bochs()
{
	wait_for find_node 'graphics/fb*' || diag "no frame buffer behind $dev" || return
	# Nothing has switched the screen on, because no console uses it.
	echo 0 >"$found/blank"
	colour=$((round % 200 * 65793 + 1))
	for shift in 0 8 16 24; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\x$(printf %x $((colour >> shift & 255)))"
	done >/tmp/pixel
	dd if=/tmp/pixel of="$node" bs=4 count=1 conv=notrunc 2>/tmp/dd || diag_lines </tmp/dd || return
	wait_for shows "$colour" || diag "wrote $colour to $node, the device has $(devmem "$(bar 0)" 32)"
}

shows()
{
	[ $(($(devmem "$(bar 0)" 32))) = "$1" ]
}

pvpanic()
{
	read -r capability <"$pci/devices/$dev/capability" && read -r events <"$pci/devices/$dev/events" || return
	[ "$capability $events" = '3 3' ] || diag "capability $capability, events $events"
}

# edu interrupts when its register 0x60 is written, and stops when 0x64 is; the driver masks the line for the user to unmask.
uio()
{
	wait_for find_below 'uio/uio*' || diag "no uio device behind $dev" || return
	read -r earlier <"$found/event"
	devmem $(($(bar 0) + 0x60)) 32 1
	wait_for counted "$found/event" "$earlier" || diag "edu raised its line, $found/event still is $earlier"
	status=$?
	devmem $(($(bar 0) + 0x64)) 32 1
	printf '\000\000' | dd of="$pci/devices/$dev/config" bs=1 seek=5 count=1 conv=notrunc 2>/dev/null
	return $status
}

counted()
{
	read -r now <"$1"
	[ "$now" -gt "$2" ]
}

takes_edu()
{
	echo 1234 11e8 >"$pci/drivers/uio_pci_generic/new_id"
}

# The memory device answers the mailbox commands that identify it.
cxl()
{
	wait_for find_below 'mem*' || diag "no memory device behind $dev" || return
	read -r firmware <"$found/firmware_version" && read -r size <"$found/pmem/size" || return
	[ -n "$firmware" ] || diag "$found has no firmware version" || return
	[ "$((size))" = 268435456 ] || diag "$found has $size bytes, expected 256 MiB"
}

# Only vhost can drive this device: it needs the state of a queue before its address, and virtio_vdpa passes them in the other
# order.
eni_vdpa()
{
	find_below 'vdpa*' || diag "no vDPA device behind $dev"
}

# The driver creates its vDPA device on request. The vectors are allocated when a virtio driver binds to that, and freed when it is
# unbound.
vp_vdpa()
{
	[ -e "$pci/devices/$dev/vdpa0" ] || vdpa dev add name vdpa0 mgmtdev "pci/$dev" 2>/tmp/vdpa || diag_lines </tmp/vdpa || return
	net 'virtio*/net/*' || return
	# The lines are new each time the driver binds.
	raised vp-vdpa
	[ "$count" -gt 0 ] || diag "no interrupt of vp-vdpa while it worked"
}

takes_virtio_net()
{
	echo 1af4 1041 >"$pci/drivers/vp-vdpa/new_id"
}

# Load the modules that create device files, because nothing loads them on demand here.
modprobe snd_pcm_oss
modprobe i2c_dev
modprobe mmc_block
round=0

plan 15
driver ahci ahci ahci class:010601 ahci
driver ata_piix ata_piix ata_piix 8086:7010 ata_piix
driver sdhci_pci sdhci_pci sdhci-pci class:080501 sdhci
driver snd_hda_intel snd_hda_intel snd_hda_intel class:040300 snd_hda_intel
driver snd_intel8x0 snd_intel8x0 snd_intel8x0 8086:2415 snd_intel8x0
reloads=1
driver snd_ens1370 snd_ens1370 snd_ens1370 1274:5000 snd_ens1370
reloads=
driver 8250_pci 8250_pci serial 1b36:0003 serial
driver tulip tulip tulip 1011:0019 tulip
# The driver leaves its device enabled, because firmware uses it.
left_enabled=0000:00:1f.3
echo 1 >"$pci/devices/$left_enabled/enable"
driver i2c_i801 i2c_i801 i801_smbus 8086:2930 i2c_i801
driver bochs bochs bochs-drm 1234:1111 bochs
driver pvpanic_pci pvpanic_pci pvpanic-pci 1b36:0011 pvpanic
driver uio_pci_generic uio_pci_generic uio_pci_generic 1234:11e8 uio takes_edu
driver cxl_pci cxl_pci cxl_pci class:050210 cxl
driver eni_vdpa eni_vdpa alibaba-eni-vdpa 1af4:1000 eni_vdpa
modprobe virtio_net
modprobe virtio_vdpa
driver vp_vdpa vp_vdpa vp-vdpa 1af4:1041 vp_vdpa takes_virtio_net
