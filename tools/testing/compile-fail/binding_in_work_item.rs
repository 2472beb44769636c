// SPDX-License-Identifier: GPL-2.0

//! A binding does not go into a work item, which may run when it is over; there is `WhileBound`.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let binding = pdev.binding()?; // FAIL
    let binding = pdev.while_bound::<ForLt!(())>(Ok(()))?; // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(binding))?;
    Ok(())
}
