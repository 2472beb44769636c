// SPDX-License-Identifier: GPL-2.0

//! Driver data cannot declare a managed BAR as mapped for ever.

//@ error: lifetime may not live long enough

mod common;

use common::*;

struct Data<'bound> {
    pdev: &'bound pci::Device,
    bar: ManagedBar<'static>, // FAIL
    bar: ManagedBar<'bound>,  // PASS
}

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<Data<'bound>> {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    Ok(Data { pdev, bar })
}
