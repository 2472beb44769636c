// SPDX-License-Identifier: GPL-2.0

//! Drivers cannot call the C side of the rule, which frees without regard to types.

//@ error: E0603

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    pci::ownership::free_guarded(pdev, core::num::NonZero::<u64>::MIN); // FAIL
    vectors.index(0)?;
    Ok(())
}
