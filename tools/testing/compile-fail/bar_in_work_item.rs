// SPDX-License-Identifier: GPL-2.0

//! A work item cannot keep a managed BAR, because it may run after the BAR was unmapped.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let bar = bar.try_read32(0)?; // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(bar))?;
    Ok(())
}
