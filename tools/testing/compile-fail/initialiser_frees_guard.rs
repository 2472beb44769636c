// SPDX-License-Identifier: GPL-2.0

//! The initialiser of a handler cannot free the vectors on which the handler is registered.

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
