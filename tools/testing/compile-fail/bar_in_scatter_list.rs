// SPDX-License-Identifier: GPL-2.0

//! Pages that are mapped for DMA cannot have managed BARs in them, because they stay mapped when
//! the table is forgotten.

//@ error: E0521

mod common;

use common::*;

use kernel::{
    dma::DataDirection,
    scatterlist::SGTable, //
};

fn probe(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let bar = bar.try_read32(0)?; // PASS
    let mut pages = VVec::new();
    pages.push(bar, GFP_KERNEL)?;
    let to_device = DataDirection::ToDevice;
    let table = SGTable::new(pdev.as_ref(), pages, to_device, GFP_KERNEL);
    core::mem::forget(KBox::pin_init(table, GFP_KERNEL)?);
    Ok(())
}
