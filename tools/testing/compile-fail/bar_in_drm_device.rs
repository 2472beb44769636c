// SPDX-License-Identifier: GPL-2.0

//! The data of a DRM device cannot keep a managed BAR, because a file that is open keeps the device
//! after the driver was unbound.

//@ error: E0477

mod common;

use common::*;

use kernel::drm::{
    self,
    file::DriverFile,
    gem::{
        self,
        DriverObject, //
    },
};

struct Gpu<'c>(core::marker::PhantomData<&'c ()>);

#[vtable]
impl<'c> drm::Driver for Gpu<'c> {
    type Data = Option<ManagedBar<'c>>;      // FAIL
    type Data = Option<ManagedBar<'static>>; // PASS
    type RegistrationData<'a> = ();
    type Object = gem::Object<Buffer>;
    type File = Client;
    type ParentDevice<Ctx: device::DeviceContext> = pci::Device<Ctx>;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 0,
        minor: 0,
        patchlevel: 0,
        name: c"test",
        desc: c"test",
    };
    const IOCTLS: &'static [drm::ioctl::DrmIoctlDescriptor] = &[];
}

struct Buffer;

impl DriverObject for Buffer {
    type Driver = Gpu<'static>;
    type Args = ();

    fn new(
        _dev: &drm::Device<Gpu<'static>>,
        _size: usize,
        _args: (),
    ) -> impl PinInit<Self, Error> {
        Ok(Buffer)
    }
}

struct Client;

impl DriverFile for Client {
    type Driver = Gpu<'static>;

    fn open(dev: &drm::Device<Gpu<'static>>) -> Result<Pin<KBox<Self>>> {
        (**dev).ok_or(ENODEV)?;
        Ok(KBox::pin(Client, GFP_KERNEL)?)
    }
}
