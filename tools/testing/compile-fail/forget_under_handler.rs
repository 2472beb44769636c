// SPDX-License-Identifier: GPL-2.0

//! A guard cannot be forgotten while a handle borrows it.

//@ error: E0505

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    core::mem::forget(vectors); // FAIL
    core::mem::forget(handle);
    Ok(())
}
