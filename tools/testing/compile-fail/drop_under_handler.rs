// SPDX-License-Identifier: GPL-2.0

//! The vectors are not freed while a handler is held: the interrupt would lose its vector under
//! it.

//@ error: E0505

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    drop(vectors); // FAIL
    drop(handle); // PASS
    Ok(())
}
