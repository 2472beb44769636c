// SPDX-License-Identifier: GPL-2.0

//! A handler that must stay in its thread, such as one that holds a lock, is refused, because the
//! device may drop it in another thread.

//@ error: E0277

mod common;

use common::*;

fn probe(pdev: &Device<'_>, count: &'static Mutex<u32>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(count.lock()); // FAIL
    let handler = Keeps(count); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
