// SPDX-License-Identifier: GPL-2.0

//! A counted reference cannot allocate vectors, because it says nothing about the driver.

//@ error: E0599

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let device: kernel::sync::aref::ARef<pci::Device> = pdev.into(); // FAIL
    let device: &Device<'_> = pdev; // PASS
    let vectors = device.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    use_up(vectors);
    Ok(())
}
