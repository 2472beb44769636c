// SPDX-License-Identifier: GPL-2.0

//! The data of an open file cannot keep a managed BAR. `WhileBound` is for that.

//@ error: E0477

mod common;

use common::*;

use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    }, //
};

struct Open<'c>(core::marker::PhantomData<&'c ()>);

#[vtable]
impl<'c> MiscDevice for Open<'c> {
    type Ptr = KBox<Option<ManagedBar<'c>>>;      // FAIL
    type Ptr = KBox<Option<ManagedBar<'static>>>; // PASS

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        Ok(KBox::new(None, GFP_KERNEL)?)
    }
}
