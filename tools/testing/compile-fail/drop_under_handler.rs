// SPDX-License-Identifier: GPL-2.0

//! The guard cannot be dropped while a handle borrows it, because that would free the vectors of
//! the handler.

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
