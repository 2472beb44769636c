// SPDX-License-Identifier: GPL-2.0

//! What the C ABI is made of is not for safe code: it unmaps under a managed BAR.

//@ error: E0133

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let enabled = pdev.pcim_enable_device()?;
    pci::devres::iounmap_region(pdev, 0); // FAIL
    enabled.request_region(0, c"test")
}
