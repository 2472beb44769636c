// SPDX-License-Identifier: GPL-2.0

//! The value that lends a handler the registers of its device cannot leave the closure that makes
//! the handler.

//@ error: E0521

mod common;

use common::*;

fn set_up(binding: pci::Binding<'_>, vectors: &IrqVectorRegistration<'_>) -> Result {
    let mut kept = None;
    let handle = binding.request::<CovariantForLt!(Quiet)>(
        vectors.index(0)?,
        Flags::SHARED,
        c"test",
        |lend| {
            kept = Some(lend); // FAIL
            kept = Some(()); // PASS
            use_up(lend);
            Ok(Quiet)
        },
    )?;
    handle.until_unbind();
    use_up(kept);
    Ok(())
}
