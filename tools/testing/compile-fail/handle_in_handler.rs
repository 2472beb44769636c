// SPDX-License-Identifier: GPL-2.0

//! A handler does not keep the handle of another one, which borrows a witness that ends with the
//! function, and would be released when the first one is.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(2, 2, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let handler = Keeps(handle); // FAIL
    let handler = Keeps(handle.until_unbind()); // PASS
    let other = vectors
        .index(1)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    other.until_unbind();
    Ok(())
}
