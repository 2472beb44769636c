// SPDX-License-Identifier: GPL-2.0

//! Only the device that a callback gets proves that the caller is in the callback.

//@ error: E0308

mod common;

use common::*;

fn read(
    pdev: &pci::Device<Bound>, // FAIL
    pdev: &Device<'_>,         // PASS
    bar: &WhileBound<ForLt!(ManagedBar<'_>)>,
) -> Result {
    bar.with_core(pdev, |_, bar| bar.try_read32(0))??;
    Ok(())
}
