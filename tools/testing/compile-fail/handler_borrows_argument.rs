// SPDX-License-Identifier: GPL-2.0

//! A handler cannot borrow an argument of the callback, which need not live as long as the binding.

//@ error: E0621

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>, count: &'bound u32) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(count); // FAIL
    let handler = Keeps(*count); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
