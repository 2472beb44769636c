// SPDX-License-Identifier: GPL-2.0

//! Drivers cannot use the registry of a binding, nor its tokens.

//@ error: E0603

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    use_up(pci::registry::new_token()); // FAIL
    vectors.index(0)?;
    Ok(())
}
