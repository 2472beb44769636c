// SPDX-License-Identifier: GPL-2.0

//! A handler cannot be registered with a reference to a bound device, which code of other modules
//! can get.

//@ error: E0308

mod common;

use common::*;

fn set_up(
    vectors: IrqVectorRegistration<'_>,
    pdev: &pci::Device<Bound>, // FAIL
    pdev: &Device<'_>,         // PASS
) -> Result {
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    handle.until_unbind();
    Ok(())
}
