// SPDX-License-Identifier: GPL-2.0

//! A static cannot keep a binding, which ends earlier.

//@ error: E0521

mod common;

use common::*;

static SLOT: SetOnce<pci::Binding<'static>> = SetOnce::new();

fn probe(pdev: &Device<'_>) -> Result {
    let binding = pdev.binding()?;
    SLOT.populate(binding); // FAIL
    use_up(binding); // PASS
    Ok(())
}
