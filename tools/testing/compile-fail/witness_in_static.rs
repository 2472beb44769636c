// SPDX-License-Identifier: GPL-2.0

//! The witness of managed vectors does not go into a static: the vectors go with the binding.

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
