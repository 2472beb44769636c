// SPDX-License-Identifier: GPL-2.0

//! A static cannot keep a handle, which would outlive the guard.

//@ error: E0521

mod common;

use common::*;

static SLOT: SetOnce<IrqHandle<'static, Quiet>> = SetOnce::new();

fn set_up<'b>(pdev: &Device<'_>, vectors: &'b IrqVectorRegistration<'b>) -> Result {
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    SLOT.populate(handle); // FAIL
    handle.until_unbind(); // PASS
    Ok(())
}
