// SPDX-License-Identifier: GPL-2.0

//! What the C ABI is made of is not for safe code: it frees under every type.

//@ error: E0133

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev
        .alloc_irq_vectors(1, 1, IrqTypes::all())?
        .into_managed();
    pci::ownership::free_managed(pdev); // FAIL
    vectors.index(0)?;
    Ok(())
}
