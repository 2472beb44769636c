// SPDX-License-Identifier: GPL-2.0

//! Driver data does not keep the device as callbacks get it, with which any thread could register
//! handlers at any time; it may keep the bound device.

//@ error: E0277

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<impl Send + 'bound> {
    let pdev: &'bound pci::Device<Bound> = pdev; // PASS
    Ok(pdev)
}
