#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The managed calls on a kernel with the overlay and its option off.

# shellcheck source=tools/testing/guest/lib.sh
. /suites/lib.sh
# shellcheck source=tools/testing/guest/module.sh
. /suites/module.sh

echo 0 >"$pci/drivers_autoprobe"
test_module option_off
