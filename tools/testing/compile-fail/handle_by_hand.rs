// SPDX-License-Identifier: GPL-2.0

//! A handle is not made by hand, for a handler of somebody else.

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
