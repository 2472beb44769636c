// SPDX-License-Identifier: GPL-2.0

//! Data that devres revokes cannot be a managed BAR, because devres may unmap the BAR first.

//@ error: E0521

mod common;

use common::*;
use kernel::devres::Devres;

fn forget<T: Send + 'static>(pdev: &Device<'_>, data: T) -> Result {
    core::mem::forget(Devres::<T>::new(pdev.as_ref(), Ok::<_, Error>(data))?);
    Ok(())
}

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    forget(pdev, bar) // FAIL
    forget(pdev, bar.try_read32(0)?) // PASS
}
