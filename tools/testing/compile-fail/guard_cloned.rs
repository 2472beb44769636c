// SPDX-License-Identifier: GPL-2.0

//! A guard cannot be cloned, because two of them would free the same vectors. The witness of
//! managed vectors can.

//@ error: E0599

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result<usize> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    let copy = vectors.clone();
    Ok(copy.len())
}
