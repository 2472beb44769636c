// SPDX-License-Identifier: GPL-2.0

//! A static cannot keep a managed BAR, which is unmapped at the end of the binding.

//@ error: E0521

mod common;

use common::*;

static SLOT: SetOnce<ManagedBar<'static>> = SetOnce::new();

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    SLOT.populate(bar); // FAIL
    use_up(bar); // PASS
    Ok(())
}
