// SPDX-License-Identifier: GPL-2.0

//! Driver data cannot keep the device that callbacks get, because any thread could then register
//! handlers at any time. It may keep the bound device.

//@ error: E0277

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<impl Send + 'bound> {
    let pdev: &'bound pci::Device<Bound> = pdev; // PASS
    Ok(pdev)
}
