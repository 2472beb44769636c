// SPDX-License-Identifier: GPL-2.0

//! A vector that may be freed at any time is not requested by its number.

//@ error: E0277

mod common;

use common::*;

fn set_up(managed: ManagedIrqVectors<'_>, vectors: &IrqVectorRegistration<'_>) -> Result<u32> {
    use_up(managed);
    let vector = managed.index(0)?; // FAIL
    let vector = vectors.index(0)?; // PASS
    Ok(irq::IrqRequest::from(vector).irq())
}
