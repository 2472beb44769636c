// SPDX-License-Identifier: GPL-2.0

//! A handler cannot keep the value that maps BARs, whose calls may sleep. It may keep the BAR.

//@ error: E0277

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let enabled = pdev.pcim_enable_device()?;
    let handler = Keeps(enabled); // FAIL
    let handler = Keeps(enabled.iomap_region(0, c"test")?); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
