// SPDX-License-Identifier: GPL-2.0

//! Driver data cannot keep a handle next to the guard that it borrows, because the guard could be
//! dropped first.

//@ error: E0505

mod common;

use common::*;

struct Data<'bound, H> {
    handle: H,
    vectors: IrqVectorRegistration<'bound>,
}

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let handle = handle.until_unbind(); // PASS
    use_up(Data { handle, vectors });
    Ok(())
}
