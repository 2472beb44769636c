// SPDX-License-Identifier: GPL-2.0

//! A registration of a child whose data borrows can be forgotten, so creating one takes `unsafe`.

//@ error: E0133

mod common;

use common::*;
use kernel::auxiliary::Registration;

type Data = CovariantForLt!(ManagedBar<'_>);

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let data = Ok::<_, Error>(bar);
    let parent = pdev.as_ref();
    // SAFETY: The program does not run.
    let child = Registration::<Data>::new_with_lt(parent, c"a", 0, c"b", data); // FAIL
    let child = unsafe { Registration::<Data>::new_with_lt(parent, c"a", 0, c"b", data) }; // PASS
    core::mem::forget(child?);
    Ok(())
}
