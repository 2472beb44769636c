// SPDX-License-Identifier: GPL-2.0

//! Driver code cannot create a handle, which could be for somebody else's handler.

//@ error: E0451

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let handle = IrqHandle { ..handle }; // FAIL
    drop(handle);
    Ok(())
}
