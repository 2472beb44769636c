// SPDX-License-Identifier: GPL-2.0

//! Vectors of the driver are not taken for vectors of the device: who frees them is in the type.

//@ error: E0308

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<ManagedIrqVectors<'bound>> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    Ok(vectors)
}
