#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The KUnit suites that need no hardware at all, as modules: the software PCI bus, and the device-managed calls on it. They run in
# User Mode Linux, too, where each access to a BAR is trapped; here the BARs are memory that the kernel gives away and gets back.

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
