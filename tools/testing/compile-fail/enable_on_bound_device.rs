// SPDX-License-Identifier: GPL-2.0

//! The device cannot be enabled through a reference to a bound device, which code of other modules
//! can get.

//@ error: E0599

mod common;

use common::*;

fn set_up(
    pdev: &pci::Device<Bound>, // FAIL
    pdev: &Device<'_>,         // PASS
) -> Result {
    pdev.pcim_enable_device()?.request_region(0, c"test")
}
