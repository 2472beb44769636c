// SPDX-License-Identifier: GPL-2.0

//! A handler cannot hide what it borrows behind a trait object.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let count = Quiet;
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let keeps: KBox<dyn Send + Sync> = KBox::new(Keeps(&count), GFP_KERNEL)?; // FAIL
    let keeps: KBox<dyn Send + Sync> = KBox::new(Keeps(count), GFP_KERNEL)?; // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Keeps(keeps)))?;
    handle.until_unbind();
    Ok(())
}
