#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script loads the KUnit suites that need no hardware at all: those of the software PCI bus, and of the device-managed calls
# on it. They also run in User Mode Linux, where each access to a BAR is trapped. Here the BARs are memory that the kernel lends
# to the bus.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh

find_device 1234:11e8 || exit
remember
test_module pci-soft-kunit
test_module devres_kunit
rmmod pci-soft
plan 1
check leaves_nothing as_before
