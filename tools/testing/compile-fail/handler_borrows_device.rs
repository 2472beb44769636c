// SPDX-License-Identifier: GPL-2.0

//! A handler cannot keep the reference to the bound device that the callback got, which need not
//! live as long as the binding. It may keep what the device manages.

//@ error: E0621

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let bound: &'bound pci::Device<Bound> = pdev; // FAIL
    let bound = pdev.pcim_enable_device()?.iomap_region(0, c"test")?; // PASS
    let handler = Keeps(bound);
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
