// SPDX-License-Identifier: GPL-2.0

//! A handler that is registered outside a callback cannot keep the handle of another one, for which
//! it would wait when it drops the handle.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn set_up<'a>(
    binding: pci::Binding<'a>,
    vectors: &IrqVectorRegistration<'a>,
    other: IrqHandle<'a, Quiet>,
) -> Result {
    let other = Some(other);
    let handle = binding.request::<CovariantForLt!(Keeps<Option<IrqHandle<'_, Quiet>>>)>(
        vectors.index(0)?,
        Flags::SHARED,
        c"test",
        |_| {
            use_up(&other);
            Ok(Keeps(other)) // FAIL
            Ok(Keeps(None)) // PASS
        },
    )?;
    handle.until_unbind();
    Ok(())
}
