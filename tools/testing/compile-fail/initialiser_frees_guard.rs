// SPDX-License-Identifier: GPL-2.0

//! What initialises a handler does not free the vectors that it is registered on.

//@ error: E0505

mod common;

use common::*;

fn probe(pdev: &Device<'_>, other: IrqVectorRegistration<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let vector = vectors.index(0)?;
    let handler = pin_init::pin_init_scope(|| {
        use_up(vectors); // FAIL
        use_up(other); // PASS
        Ok(Ok(Quiet))
    });
    let handle = vector.request(pdev, Flags::SHARED, c"test", handler)?;
    handle.until_unbind();
    Ok(())
}
