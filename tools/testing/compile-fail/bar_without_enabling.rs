// SPDX-License-Identifier: GPL-2.0

//! A managed BAR cannot be mapped on a device that was not enabled with devres.

//@ error: E0308

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<ManagedBar<'bound>> {
    let enabled = pdev; // FAIL
    let enabled = pdev.pcim_enable_device()?; // PASS
    enabled.iomap_region(0, c"test")
}
