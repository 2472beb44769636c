// SPDX-License-Identifier: GPL-2.0

//! The data that is lent while the driver is bound cannot leave the closure.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn read(bar: &WhileBound<ForLt!(ManagedBar<'_>)>) -> Result {
    use_up(bar.with(|_, bar| *bar)?); // FAIL
    use_up(bar.with(|_, bar| bar.try_read32(0))?); // PASS
    Ok(())
}
