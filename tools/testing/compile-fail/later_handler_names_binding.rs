// SPDX-License-Identifier: GPL-2.0

//! A handler that is registered outside a callback cannot keep values with the lifetime of the
//! binding, such as the guard of its own vectors.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn set_up<'a>(
    binding: pci::Binding<'a>,
    vectors: &IrqVectorRegistration<'a>,
    line: IrqVectorRegistration<'a>,
) -> Result {
    let handle = binding.request::<
        CovariantForLt!(for<'h> Keeps<Option<IrqVectorRegistration<'a>>>), // FAIL
        CovariantForLt!(for<'h> Keeps<Option<IrqVectorRegistration<'h>>>), // PASS
    >(vectors.index(0)?, Flags::SHARED, c"test", |_| Ok(Keeps(None)))?;
    handle.until_unbind();
    use_up(line);
    Ok(())
}
