// SPDX-License-Identifier: GPL-2.0

//! Driver code cannot create the witness that the device owns vectors.

//@ error: E0423

mod common;

use common::*;

fn convert(vectors: IrqVectorRegistration<'_>) -> usize {
    let managed = ManagedIrqVectors(vectors); // FAIL
    let managed = vectors; // PASS
    managed.len()
}
