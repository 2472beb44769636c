// SPDX-License-Identifier: GPL-2.0

//! Two guards cannot be swapped while one of them has a handler, which would then seem to belong to
//! the other device.

//@ error: E0502

mod common;

use common::*;

fn probe(pdev: &Device<'_>, other: &Device<'_>) -> Result {
    let mut vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let mut others = other.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    core::mem::swap(&mut vectors, &mut others); // FAIL
    drop(handle);
    core::mem::swap(&mut vectors, &mut others);
    Ok(())
}
