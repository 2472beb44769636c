// SPDX-License-Identifier: GPL-2.0

//! A handler cannot own a BAR that the driver unmaps, which has the lifetime of a reference. It may
//! keep a managed one.

//@ error: E0621

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let enabled = pdev; // FAIL
    let enabled = pdev.pcim_enable_device()?; // PASS
    let handler = Keeps(enabled.iomap_region(0, c"test")?);
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
