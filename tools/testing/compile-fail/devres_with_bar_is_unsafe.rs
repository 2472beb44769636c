// SPDX-License-Identifier: GPL-2.0

//! Devres may release a BAR before data that uses it, so giving devres such data takes `unsafe`.

//@ error: E0133

mod common;

use common::*;
use kernel::devres::DevresLt;

type Data = CovariantForLt!(ManagedBar<'_>);

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let data = Ok::<_, Error>(bar);
    // SAFETY: The program does not run.
    let data = DevresLt::<Data>::new(pdev.as_ref(), data); // FAIL
    let data = unsafe { DevresLt::<Data>::new(pdev.as_ref(), data) }; // PASS
    core::mem::forget(data?);
    Ok(())
}
