// SPDX-License-Identifier: GPL-2.0

//! A driver cannot free vectors that it has given to the device, which frees them when the driver
//! is unbound.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result<usize> {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let managed = vectors.into_managed().map_err(|(e, _)| e)?;
    drop(vectors); // FAIL
    Ok(managed.len())
}
