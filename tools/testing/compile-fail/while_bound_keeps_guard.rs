// SPDX-License-Identifier: GPL-2.0

//! Data for the whole binding cannot begin with a guard that the callback holds. It may get one
//! later.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = Some(pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?);
    pdev.while_bound::<ForLt!(Option<IrqVectorRegistration<'_>>)>(|_| {
        Ok(KBox::pin(vectors, GFP_KERNEL)?) // FAIL
        Ok(KBox::pin(vectors.filter(|_| false).and(None), GFP_KERNEL)?) // PASS
    })?;
    Ok(())
}
