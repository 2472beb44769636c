// SPDX-License-Identifier: GPL-2.0

//! Vectors cannot be freed twice: the second time they could be those of a later allocation.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    vectors.free().map_err(|(e, _)| e)?;
    vectors.free().map_err(|(e, _)| e)?; // FAIL
    Ok(())
}
