// SPDX-License-Identifier: GPL-2.0

//! A guard with a handler cannot be replaced by another one, because that would free the vectors of
//! the handler.

//@ error: E0506

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let mut vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    drop(handle); // PASS
    vectors = pdev.alloc_irq_vectors(1, 2, IrqTypes::all())?;
    use_up(vectors);
    Ok(())
}
