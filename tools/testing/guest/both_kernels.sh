#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Where the managed calls differ between the kernel with the option on and the one with it off.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh
# shellcheck source=tools/testing/guest/module.sh
. /suites/module.sh

echo 0 >"$pci/drivers_autoprobe"
test_module both_kernels
