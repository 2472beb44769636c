// SPDX-License-Identifier: GPL-2.0

//! A closure in a handler cannot borrow what it captures.

//@ error: E0373

mod common;

use common::*;

struct Calls<F>(F);

impl<F: Fn() + Sync> irq::Handler for Calls<F> {
    fn handle(&self) -> irq::IrqReturn {
        (self.0)();
        irq::IrqReturn::Handled
    }
}

fn probe(pdev: &Device<'_>, count: u32) -> Result {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handler = Calls(|| use_up(count)); // FAIL
    let handler = Calls(move || use_up(count)); // PASS
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(handler))?;
    handle.until_unbind();
    Ok(())
}
