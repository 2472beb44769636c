// SPDX-License-Identifier: GPL-2.0

//! A driver does not free vectors that the device owns.

//@ error: E0599

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    vectors.free().map_err(|(e, _)| e)
}
