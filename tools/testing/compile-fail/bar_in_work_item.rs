// SPDX-License-Identifier: GPL-2.0

//! A managed BAR does not go into a work item, which may run when it is unmapped.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let bar = bar.try_read32(0)?; // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(bar))?;
    Ok(())
}
