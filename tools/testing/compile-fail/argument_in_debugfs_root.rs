// SPDX-License-Identifier: GPL-2.0

//! A directory at the root of debugfs cannot keep a reference to an argument either.

//@ error: E0521

mod common;

use common::*;

fn probe(count: &u32) -> Result {
    let count = count; // FAIL
    let count = count.checked_add(1).map_or(&1, |_| &2); // PASS
    let scope = kernel::debugfs::Scope::dir(Ok::<_, Error>(count), c"scope", |count, dir| {
        dir.read_only_file(c"count", *count);
    });
    core::mem::forget(KBox::pin_init(scope, GFP_KERNEL)?);
    Ok(())
}
