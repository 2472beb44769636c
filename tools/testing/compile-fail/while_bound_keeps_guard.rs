// SPDX-License-Identifier: GPL-2.0

//! Data for the whole binding cannot begin with a guard that the callback holds. It may get one
//! later.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = Some(pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?); // FAIL
    let vectors = None; // PASS
    pdev.while_bound::<ForLt!(Option<IrqVectorRegistration<'_>>)>(Ok(vectors))?;
    Ok(())
}
