// SPDX-License-Identifier: GPL-2.0

//! What keeps the handlers of a binding is not for drivers, nor are the names it gives them.

//@ error: E0603

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    use_up(pci::registry::new_token()); // FAIL
    vectors.index(0)?;
    Ok(())
}
