// SPDX-License-Identifier: GPL-2.0

//! The compiler warns if the guard is not kept, because that frees the vectors at once.

//@ error: unused_must_use

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let _vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    Ok(())
}
