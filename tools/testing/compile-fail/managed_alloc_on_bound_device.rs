// SPDX-License-Identifier: GPL-2.0

//! Managed vectors cannot be allocated through a reference to a bound device, which code of other
//! modules can get.

//@ error: E0599

mod common;

use common::*;

fn set_up(
    pdev: &pci::Device<Bound>, // FAIL
    pdev: &Device<'_>,         // PASS
) -> Result<usize> {
    Ok(pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?.len())
}
