// SPDX-License-Identifier: GPL-2.0

//! Data for the whole binding cannot borrow an argument of the callback.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>, count: &'bound u32) -> Result {
    let count = Some(count); // FAIL
    let count = Some(count).filter(|_| false).map(|_| &1); // PASS
    pdev.while_bound::<ForLt!(Option<&u32>)>(|_| Ok(KBox::pin(count, GFP_KERNEL)?))?;
    Ok(())
}
