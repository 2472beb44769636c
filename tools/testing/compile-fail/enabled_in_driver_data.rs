// SPDX-License-Identifier: GPL-2.0

//! Driver data cannot keep the value that maps BARs, because devres may be releasing the list to
//! which it adds. It may keep the BAR.

//@ error: E0277

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<impl Send + 'bound> {
    let enabled = pdev.pcim_enable_device()?;
    let enabled = enabled.iomap_region(0, c"test")?; // PASS
    Ok(enabled)
}
