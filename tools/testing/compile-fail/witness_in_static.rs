// SPDX-License-Identifier: GPL-2.0

//! A static cannot keep the witness of managed vectors, which are freed at the end of the binding.

//@ error: E0521

mod common;

use common::*;

static SLOT: SetOnce<ManagedIrqVectors<'static>> = SetOnce::new();

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    SLOT.populate(vectors); // FAIL
    use_up(vectors); // PASS
    Ok(())
}
