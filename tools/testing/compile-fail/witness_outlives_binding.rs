// SPDX-License-Identifier: GPL-2.0

//! Driver data cannot declare managed vectors as existing for ever.

//@ error: lifetime may not live long enough

mod common;

use common::*;

struct Data<'bound> {
    pdev: &'bound pci::Device,
    vectors: ManagedIrqVectors<'static>, // FAIL
    vectors: ManagedIrqVectors<'bound>,  // PASS
}

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<Data<'bound>> {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    Ok(Data { pdev, vectors })
}
