// SPDX-License-Identifier: GPL-2.0

//! A handler that keeps an array is not given by its handle with a shorter lifetime, with which
//! something that ends earlier than the handler would be stored in it.

//@ error: lifetime may not live long enough

mod common;

use common::*;
use kernel::xarray::{
    AllocKind,
    XArray, //
};

/// Sent and shared, which an array can be.
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
