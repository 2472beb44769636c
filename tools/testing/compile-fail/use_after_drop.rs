// SPDX-License-Identifier: GPL-2.0

//! A vector cannot be taken from a guard that was dropped, because the interrupt may be somebody
//! else's by now.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result<u32> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    drop(vectors); // FAIL
    Ok(vectors.index(0)?.irq())
}
