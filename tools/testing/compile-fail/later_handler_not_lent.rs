// SPDX-License-Identifier: GPL-2.0

//! A handler that is registered outside a callback can only keep a BAR that it is lent, because
//! nothing else shows that the BAR is one of its device.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn set_up<'a>(
    binding: pci::Binding<'a>,
    vectors: &IrqVectorRegistration<'a>,
    bar: ManagedBar<'a>,
) -> Result {
    let handle = binding.request::<CovariantForLt!(Keeps<ManagedBar<'_>>)>(
        vectors.index(0)?,
        Flags::SHARED,
        c"test",
        |lend| {
            let _ = lend;
            Ok(Keeps(bar)) // FAIL
            Ok(Keeps(lend.bar(bar)?)) // PASS
        },
    )?;
    handle.until_unbind();
    Ok(())
}
