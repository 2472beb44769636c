// SPDX-License-Identifier: GPL-2.0

//! A work item cannot keep a binding, because it may run after the end of the binding. `WhileBound`
//! is for that.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let binding = pdev.binding()?; // FAIL
    let binding = pdev.while_bound::<ForLt!(())>(|_| Ok(KBox::pin((), GFP_KERNEL)?))?; // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(binding))?;
    Ok(())
}
