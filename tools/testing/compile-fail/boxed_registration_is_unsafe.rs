// SPDX-License-Identifier: GPL-2.0

//! A registration of the crate's `irq` module can be forgotten while its handler borrows, so
//! creating one takes `unsafe`, also in a box.

//@ error: E0133

mod common;

use common::*;

fn set_up(vectors: &IrqVectorRegistration<'_>) -> Result {
    let request: irq::IrqRequest<'_> = vectors.index(0)?.into();
    let init = irq::Registration::new(request, Flags::SHARED, c"test", Ok(Quiet)); // FAIL
    let init = Ok::<_, Error>(request); // PASS
    core::mem::forget(KBox::pin_init::<Error>(init, GFP_KERNEL)?);
    Ok(())
}
