// SPDX-License-Identifier: GPL-2.0

//! A vector takes one handler. For another one the driver has to ask for the vector again, and the
//! request may be refused as busy.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let vector = vectors.index(0)?;
    let first = vector.request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let vector = vectors.index(0)?; // PASS
    let second = vector.request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    drop(second);
    drop(first);
    Ok(())
}
