// SPDX-License-Identifier: GPL-2.0

//! Vectors of the driver cannot be used as vectors of the device: the type says who frees them.

//@ error: E0308

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<ManagedIrqVectors<'bound>> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    Ok(vectors)
}
