// SPDX-License-Identifier: GPL-2.0

//! A handler cannot leave the closure to which its handle is lent, because the values that it uses
//! end with the binding.

//@ error: lifetime may not live long enough

mod common;

use common::*;

struct Reads<'h>(ManagedBar<'h>);

impl irq::Handler for Reads<'_> {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

fn leak(lent: &WhileBound<ForLt!(IrqHandle<'_, Reads<'_>>)>) -> Result<u32> {
    let value = lent.with(|_, handle| {
        let handler = handle.get_ref().handler();
        return handler.map(|handler| handler.0); // FAIL
        return handler.and_then(|handler| handler.0.try_read32(0)); // PASS
    })?;
    use_up(value);
    Ok(0)
}
