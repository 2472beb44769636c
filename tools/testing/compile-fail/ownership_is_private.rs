// SPDX-License-Identifier: GPL-2.0

//! What the C side of the rule is made of is not for drivers: it frees under every type.

//@ error: E0603

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    pci::ownership::free_guarded(pdev, core::num::NonZero::<u64>::MIN); // FAIL
    vectors.index(0)?;
    Ok(())
}
