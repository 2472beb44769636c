// SPDX-License-Identifier: GPL-2.0

//! Vectors of the device cannot be used as vectors of the driver, which would free them.

//@ error: E0308

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<IrqVectorRegistration<'bound>> {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?; // FAIL
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?; // PASS
    Ok(vectors)
}
