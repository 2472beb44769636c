// SPDX-License-Identifier: GPL-2.0

//! A handler cannot borrow driver data, which the driver core drops, and which does not exist if
//! probe fails.

//@ error: E0621

mod common;

use common::*;

fn unbind<'bound>(pdev: &'bound Device<'_>, this: Pin<&'bound Mutex<u32>>) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Keeps(this); // FAIL
    let handler = Keeps(*this.lock()); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
