// SPDX-License-Identifier: GPL-2.0

//! That the device owns vectors is not claimed by hand.

//@ error: E0423

mod common;

use common::*;

fn convert(vectors: IrqVectorRegistration<'_>) -> usize {
    let managed = ManagedIrqVectors(vectors); // FAIL
    let managed = vectors; // PASS
    managed.len()
}
