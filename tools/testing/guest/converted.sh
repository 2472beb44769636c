#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A converted driver of the tree whose vectors come and go while it is bound: vDPA on a virtio network card. What drives the card then
# is virtio_net, through the vDPA bus; its start allocates vectors, its end frees them, and devm handlers sit on them.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh
# shellcheck source=tools/testing/guest/driver.sh
. /suites/driver.sh

# The card works, loses its virtio driver and with it its vectors, and works again with new ones.
vp_vdpa()
{
	[ -e "$pci/devices/$dev/made" ] || vdpa dev add name made mgmtdev "pci/$dev" || diag "vdpa dev add failed" || return
	net 'virtio*/net/*' || return
	vectors=$(find "$pci/devices/$dev/msi_irqs" -type f | wc -l)
	[ "$vectors" -ge 2 ] || diag "$dev has $vectors vectors, expected those of a queue and of its configuration" || return
	child=${found%/net/*} child=${child##*/}
	echo "$child" >/sys/bus/virtio/drivers/virtio_net/unbind || return
	[ -z "$(find "$pci/devices/$dev/msi_irqs" -type f)" ] || diag "vectors are left after virtio_net has gone" || return
	echo "$child" >/sys/bus/virtio/drivers/virtio_net/bind || return
	net 'virtio*/net/*'
}

takes_virtio_net()
{
	echo 1af4 1041 >"$pci/drivers/vp-vdpa/new_id"
}

for module in virtio_vdpa virtio_net; do
	modprobe "$module"
done

plan 1
# The driver of the tree has an action for each device that frees its vectors; the converted one has not.
differs="$differs|devm_action_release"
driver vp_vdpa vp_vdpa vp-vdpa 1af4:1041 vp_vdpa takes_virtio_net
