// SPDX-License-Identifier: GPL-2.0

//! A handler that is registered outside a callback cannot borrow a local variable.

//@ error: E0597

mod common;

use common::*;

fn set_up<'a>(binding: pci::Binding<'a>, vectors: &IrqVectorRegistration<'a>) -> Result {
    let count = 1;
    let handle = binding.request::<CovariantForLt!(Keeps<&u32>)>(
        vectors.index(0)?,
        Flags::SHARED,
        c"test",
        |_| {
            Ok(Keeps(&count)) // FAIL
            Ok(Keeps(&1)) // PASS
        },
    )?;
    use_up(count);
    handle.until_unbind();
    Ok(())
}
