// SPDX-License-Identifier: GPL-2.0

//! A guard cannot be used after it freed its vectors.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result<usize> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    vectors.free().map_err(|(e, _)| e)?; // FAIL
    Ok(vectors.len())
}
