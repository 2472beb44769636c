// SPDX-License-Identifier: GPL-2.0

//! The data of a child's registration cannot keep a BAR, because the registration stays when it is
//! forgotten.

//@ error: E0521

mod common;

use common::*;
use kernel::{
    auxiliary::Registration,
    types::ForLt, //
};

fn register<'a, F: ForLt>(pdev: &'a Device<'_>, data: F::Of<'a>) -> Result<Registration<'a, F>>
where
    for<'b> F::Of<'b>: Send + Sync,
    F::Of<'a>: 'static,
{
    Registration::new(pdev.as_ref(), c"child", 0, c"test", Ok::<_, Error>(data))
}

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let child = register::<ForLt!(ManagedBar<'_>)>(pdev, bar)?; // FAIL
    let child = register::<ForLt!(u32)>(pdev, bar.try_read32(0)?)?; // PASS
    core::mem::forget(child);
    Ok(())
}
