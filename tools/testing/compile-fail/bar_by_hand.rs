// SPDX-License-Identifier: GPL-2.0

//! Driver code cannot create a managed BAR with an address or a length of its own.

//@ error: E0451

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let bar: ManagedBar<'_> = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let bar: ManagedBar<'_> = ManagedBar { ..bar }; // FAIL
    use_up(bar);
    Ok(())
}
