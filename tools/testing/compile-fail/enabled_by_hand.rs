// SPDX-License-Identifier: GPL-2.0

//! Driver code cannot create the witness that the device was enabled.

//@ error: E0423

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let enabled = ManagedDevice(pdev); // FAIL
    let enabled = pdev.pcim_enable_device()?; // PASS
    enabled.request_region(0, c"test")
}
