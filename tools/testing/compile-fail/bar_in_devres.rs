// SPDX-License-Identifier: GPL-2.0

//! Devres cannot keep a BAR, because it may unmap the BAR first.

//@ error: E0521

mod common;

use common::*;

fn keep<T: Send + 'static>(pdev: &Device<'_>, data: T) -> Result {
    kernel::devres::register::<T, Error>(pdev.as_ref(), Ok(data), GFP_KERNEL)
}

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    keep(pdev, bar) // FAIL
    keep(pdev, bar.try_read32(0)?) // PASS
}
