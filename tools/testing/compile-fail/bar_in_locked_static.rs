// SPDX-License-Identifier: GPL-2.0

//! A static with a lock cannot keep a managed BAR, which is unmapped at the end of the binding.

//@ error: lifetime may not live long enough

mod common;

use common::*;

kernel::sync::global_lock! {
    // SAFETY: The program does not run.
    unsafe(uninit) static SLOT: Mutex<Option<ManagedBar<'static>>> = None;
}

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let _ = bar;
    *SLOT.lock() = Some(bar); // FAIL
    *SLOT.lock() = None; // PASS
    Ok(())
}
