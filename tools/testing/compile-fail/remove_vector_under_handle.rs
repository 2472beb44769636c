// SPDX-License-Identifier: GPL-2.0

//! A vector that was added is not freed while somebody has it: its number could be another's then.

//@ error: E0502

mod common;

use common::*;

fn set_up(mut vectors: IrqVectorRegistration<'_>) -> Result<u32> {
    vectors.add_vector(Some(2))?;
    vectors.remove_vector(2)?;
    let added = vectors.add_vector(Some(3))?;
    vectors.remove_vector(3)?; // FAIL
    Ok(added.irq())
}
