// SPDX-License-Identifier: GPL-2.0

//! A handler cannot own a guard, which has the lifetime of a reference. It may keep a mapping.

//@ error: E0621

mod common;

use common::*;

fn set_up<'c>(
    pdev: &Device<'c>,
    line: IrqVectorRegistration<'_>, // FAIL
    line: ManagedBar<'c>,            // PASS
) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(line);
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
