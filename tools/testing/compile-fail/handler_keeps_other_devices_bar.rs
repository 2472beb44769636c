// SPDX-License-Identifier: GPL-2.0

//! A handler cannot keep a BAR of another device, because that device may be unbound first.

//@ error: E0621

mod common;

use common::*;

fn set_up<'c>(
    pdev: &Device<'c>,
    bar: ManagedBar<'_>, // FAIL
    bar: ManagedBar<'c>, // PASS
) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(bar);
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
