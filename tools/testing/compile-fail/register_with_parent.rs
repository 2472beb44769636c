// SPDX-License-Identifier: GPL-2.0

//! The driver of a child cannot register handlers with its parent, because its module can be
//! removed before the parent is unbound.

//@ error: E0308

mod common;

use common::*;

fn probe(
    parent: &device::Device<Bound>,
    own: &Device<'_>,
    vectors: IrqVectorRegistration<'_>,
) -> Result {
    let parent: &pci::Device<Bound> = parent.try_into()?;
    use_up(parent.vendor_id());
    let pdev = parent; // FAIL
    let pdev = own; // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    handle.until_unbind();
    Ok(())
}
