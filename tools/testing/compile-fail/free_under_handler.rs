// SPDX-License-Identifier: GPL-2.0

//! The vectors are not freed while a handler is held, by a call that tells about errors either.

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
