// SPDX-License-Identifier: GPL-2.0

//! A handler cannot keep the handle of another handler or its own, because it would wait for itself
//! when it drops it. Driver data may keep a handle: a handle lives as long as the reference to the
//! device that the callback got, which is shorter than what a handler may borrow.

//@ error: lifetime may not live long enough

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
