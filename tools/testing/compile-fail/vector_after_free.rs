// SPDX-License-Identifier: GPL-2.0

//! A handler cannot be registered for a vector whose guard is gone, because the vector borrows the
//! guard.

//@ error: E0505

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let vector = vectors.index(0)?;
    drop(vectors); // FAIL
    let handle = vector.request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    drop(handle);
    Ok(())
}
