// SPDX-License-Identifier: GPL-2.0

//! A directory in configfs cannot keep a managed BAR, because it stays when it is forgotten.

//@ error: E0521

mod common;

use common::*;

use kernel::configfs::{
    ItemType,
    Subsystem, //
};

/// The attributes of the directory are statics.
fn forget<T>(attributes: &'static ItemType<Subsystem<T>, T>, data: T) -> Result {
    let directory = Subsystem::new(c"test", attributes, Ok::<_, Error>(data));
    core::mem::forget(KBox::pin_init(directory, GFP_KERNEL)?);
    Ok(())
}

type Slot<'a> = Option<ManagedBar<'a>>;
type Attributes = ItemType<Subsystem<Slot<'static>>, Slot<'static>>;

fn probe(pdev: &Device<'_>, attributes: &'static Attributes) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_region(0, c"test")?;
    let _ = bar;
    forget(attributes, Some(bar)) // FAIL
    forget(attributes, None) // PASS
}
