// SPDX-License-Identifier: GPL-2.0

//! The compiler warns if a handle is not kept, because that releases the handler at once.

//@ error: unused_must_use

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet));
    handle?; // FAIL
    handle?.until_unbind(); // PASS
    Ok(())
}
