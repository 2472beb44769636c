// SPDX-License-Identifier: GPL-2.0

//! The data of a misc device cannot keep a managed BAR, because the misc device stays registered
//! when it is forgotten.

//@ error: E0521

mod common;

use common::*;

use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    sync::Arc, //
};

struct Open<'c>(Option<ManagedBar<'c>>);

#[vtable]
impl<'c> MiscDevice for Open<'c> {
    type Ptr = KBox<()>;

    fn open(_file: &File, misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        misc.data().and_then(|open| open.0).ok_or(ENODEV)?;
        Ok(KBox::new((), GFP_KERNEL)?)
    }
}

fn register(bar: ManagedBar<'_>) -> Result {
    let open = Open(Some(bar)); // FAIL
    let open = Open(None); // PASS

    let _ = bar;
    let options = MiscDeviceOptions { name: c"open" };
    let _ = MiscDeviceRegistration::register_with(options, Arc::new(open, GFP_KERNEL)?);
    Ok(())
}
