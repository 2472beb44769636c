// SPDX-License-Identifier: GPL-2.0

//! The vectors cannot be freed while a handle borrows the guard, also not by the call that returns
//! errors.

//@ error: E0505

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    handle.until_unbind(); // PASS
    vectors.free().map_err(|(e, _)| e)
}
