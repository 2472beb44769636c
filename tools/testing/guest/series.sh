#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script must pass at every step of the series: drivers that allocate vectors on a device which they enabled with
# pcim_enable_device() bind, do their job, unbind and bind again.

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

snd_hda_intel()
{
	sound snd_hda_intel
}

modprobe snd_pcm_oss

plan 2
driver ahci ahci ahci class:010601 ahci
driver snd_hda_intel snd_hda_intel snd_hda_intel class:040300 snd_hda_intel
