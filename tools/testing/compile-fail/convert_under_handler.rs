// SPDX-License-Identifier: GPL-2.0

//! Vectors cannot change their owner while a handle borrows the guard of the first one.

//@ error: E0505

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<ManagedIrqVectors<'bound>> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    handle.until_unbind(); // PASS
    vectors.into_managed().map_err(|(e, _)| e)
}
