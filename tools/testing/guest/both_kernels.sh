#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# This script shows where the managed calls differ between the kernel with the option on and the one with it off.

# shellcheck source=tools/testing/guest/lib/common.sh
. /scripts/lib/common.sh
# shellcheck source=tools/testing/guest/lib/module.sh
. /scripts/lib/module.sh

echo 0 >"$pci/drivers_autoprobe"
test_module both_kernels
