// SPDX-License-Identifier: GPL-2.0

//! A handler cannot be released twice, because releasing it uses up the handle.

//@ error: E0382

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    drop(handle); // FAIL
    handle.until_unbind();
    Ok(())
}
