// SPDX-License-Identifier: GPL-2.0

//! A function that owns the guard cannot return a handle: the vectors are freed when it returns.

//@ error: E0515

mod common;

use common::*;

fn set_up<'bound>(
    pdev: &'bound Device<'_>,
    vectors: IrqVectorRegistration<'bound>,         // FAIL
    vectors: &'bound IrqVectorRegistration<'bound>, // PASS
) -> Result<IrqHandle<'bound, Quiet>> {
    vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))
}
