// SPDX-License-Identifier: GPL-2.0

//! A work item cannot keep a guard, because it may run after the end of the binding.

//@ error: E0521

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let vectors = vectors.len(); // PASS
    workqueue::system().try_spawn(GFP_KERNEL, move || use_up(vectors))?;
    Ok(())
}
