// SPDX-License-Identifier: GPL-2.0

//! A static cannot keep a guard, because it could be dropped after the end of the binding.

//@ error: E0521

mod common;

use common::*;

static SLOT: SetOnce<IrqVectorRegistration<'static>> = SetOnce::new();

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    SLOT.populate(vectors); // FAIL
    use_up(vectors); // PASS
    Ok(())
}
