// SPDX-License-Identifier: GPL-2.0

//! A threaded handler cannot borrow a variable of the function that registers it either.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let count = 0;
    let handler = Keeps(&count); // FAIL
    let handler = Keeps(count); // PASS
    let vector = vectors.index(0)?;
    let handle = vector.request_threaded(pdev, Flags::SHARED, c"test", Ok(handler))?;
    drop(handle);
    Ok(())
}
