// SPDX-License-Identifier: GPL-2.0

//! A guard that is not kept frees its vectors at once, which nobody wants.

//@ error: unused_must_use

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let _vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    Ok(())
}
