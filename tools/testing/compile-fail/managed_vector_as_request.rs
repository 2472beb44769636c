// SPDX-License-Identifier: GPL-2.0

//! A managed vector cannot be requested by its number, because it may be freed at any time.

//@ error: E0277

mod common;

use common::*;

fn set_up(managed: ManagedIrqVectors<'_>, vectors: &IrqVectorRegistration<'_>) -> Result<u32> {
    use_up(managed);
    let vector = managed.index(0)?; // FAIL
    let vector = vectors.index(0)?; // PASS
    Ok(irq::IrqRequest::from(vector).irq())
}
