// SPDX-License-Identifier: GPL-2.0

//! A reference to a bound device, which code of other modules can get, cannot be turned into a
//! binding.

//@ error: E0599

mod common;

use common::*;

fn set_up(
    pdev: &pci::Device<Bound>, // FAIL
    pdev: &Device<'_>,         // PASS
) -> Result {
    use_up(pdev.binding()?);
    Ok(())
}
