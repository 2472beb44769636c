// SPDX-License-Identifier: GPL-2.0

//! A threaded handler that must stay in its thread is refused as well.

//@ error: E0277

mod common;

use common::*;

fn probe(pdev: &Device<'_>, count: &'static Mutex<u32>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(count.lock()); // FAIL
    let handler = Keeps(count); // PASS
    let vector = vectors.index(0)?;
    let handle = vector.request_threaded(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
