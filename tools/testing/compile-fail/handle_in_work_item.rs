// SPDX-License-Identifier: GPL-2.0

//! A work item cannot keep a handle, because it may run after the vectors were freed.

//@ error: E0521

mod common;

use common::*;

fn set_up<'b>(pdev: &Device<'_>, vectors: &'b IrqVectorRegistration<'b>) -> Result {
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let handle = handle.until_unbind(); // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(handle))?;
    Ok(())
}
