// SPDX-License-Identifier: GPL-2.0

//! A buffer of a DRM device cannot keep a managed BAR, because user space keeps the buffer after
//! the driver was unbound.

//@ error: E0521

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

struct Gpu;

#[vtable]
impl drm::Driver for Gpu {
    type Data = ();
    type RegistrationData<'a> = ();
    type Object = gem::Object<Buffer<'static>>;
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

struct Buffer<'c>(Option<ManagedBar<'c>>);

impl DriverObject for Buffer<'static> {
    type Driver = Gpu;
    type Args = Option<ManagedBar<'static>>;

    fn new(_dev: &drm::Device<Gpu>, _size: usize, bar: Self::Args) -> impl PinInit<Self, Error> {
        Ok(Buffer(bar))
    }
}

fn create(drm: &drm::Device<Gpu>, bar: ManagedBar<'_>) -> Result {
    let _ = bar;
    gem::Object::<Buffer<'_>>::new(drm, 4096, Some(bar)).map(drop) // FAIL
    gem::Object::<Buffer<'_>>::new(drm, 4096, None).map(drop) // PASS
}

struct Client;

impl DriverFile for Client {
    type Driver = Gpu;

    fn open(_dev: &drm::Device<Gpu>) -> Result<Pin<KBox<Self>>> {
        Ok(KBox::pin(Client, GFP_KERNEL)?)
    }
}
