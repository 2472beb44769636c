// SPDX-License-Identifier: GPL-2.0

//! A function that gives the lifetime of the binding the name of a shorter one, so that its
//! handlers could borrow more, cannot be called.

//@ error: E0621

mod common;

use common::*;

fn probe<'bound>(pdev: &'bound Device<'_>, count: &'bound u32) -> Result {
    set_up(pdev, count)
}

fn set_up<'b>(
    pdev: &'b Device<'b>, // FAIL
    pdev: &'b Device<'_>, // PASS
    count: &'b u32,
) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    use_up(vectors);
    use_up(count);
    Ok(())
}
