// SPDX-License-Identifier: GPL-2.0

//! A handler cannot keep the witness of managed vectors, whose calls may sleep.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(vectors); // FAIL
    let handler = Keeps(vectors.len()); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
