// SPDX-License-Identifier: GPL-2.0

//! The handle cannot return a handler that keeps an array with a shorter lifetime, because a value
//! that ends before the handler could then be stored in the array.

//@ error: lifetime may not live long enough

mod common;

use common::*;
use kernel::xarray::{
    AllocKind,
    XArray, //
};

/// A handler with an array, which can be sent and shared.
type Hoard<'h> = Keeps<Pin<KBox<XArray<KBox<&'h u32>>>>>;

fn set_up(binding: pci::Binding<'_>, vectors: &IrqVectorRegistration<'_>) -> Result {
    let handle = binding.request::<
        CovariantForLt!(for<'h> Hoard<'h>), // FAIL
        CovariantForLt!(for<'h> Hoard<'static>), // PASS
    >(vectors.index(0)?, Flags::SHARED, c"test", |_| {
        let array = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?;
        Ok(Keeps(array))
    })?;
    handle.until_unbind();
    Ok(())
}
