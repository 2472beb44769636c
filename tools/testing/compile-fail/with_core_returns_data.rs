// SPDX-License-Identifier: GPL-2.0

//! Data that is lent to a callback cannot leave the closure either.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn read(pdev: &Device<'_>, bar: &WhileBound<ForLt!(ManagedBar<'_>)>) -> Result {
    use_up(bar.with_core(pdev, |_, bar| *bar)?); // FAIL
    use_up(bar.with_core(pdev, |_, bar| bar.try_read32(0))?); // PASS
    Ok(())
}
