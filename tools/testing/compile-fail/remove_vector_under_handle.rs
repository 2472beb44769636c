// SPDX-License-Identifier: GPL-2.0

//! A vector that was added cannot be removed while somebody holds it, because its number could then
//! be another vector's.

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
