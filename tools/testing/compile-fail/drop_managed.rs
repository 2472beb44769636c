// SPDX-License-Identifier: GPL-2.0

//! Dropping the witness of managed vectors frees nothing, and the compiler warns of that.

//@ error: dropping_copy_types

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    drop(vectors);
    Ok(())
}
