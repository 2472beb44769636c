// SPDX-License-Identifier: GPL-2.0

//! A handler does not borrow a local witness of its vectors, which ends with the function; it may
//! keep a copy.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(&vectors); // FAIL
    let handler = Keeps(vectors); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
