// SPDX-License-Identifier: GPL-2.0

//! A guard is not forgotten while a handle borrows it: the handle would be one of a guard that
//! nobody has.

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
