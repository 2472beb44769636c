// SPDX-License-Identifier: GPL-2.0

//! A handler cannot borrow a variable of the function that registers it: a forgotten handle leaves
//! the handler registered.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let count = 0;
    let handler = Keeps(&count); // FAIL
    let handler = Keeps(count); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    drop(handle);
    Ok(())
}
