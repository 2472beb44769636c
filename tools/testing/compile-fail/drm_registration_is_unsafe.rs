// SPDX-License-Identifier: GPL-2.0

//! A registration of a DRM device has data that borrows, and can be forgotten, so creating one
//! takes `unsafe`.

//@ error: E0133

mod common;

use common::*;

use kernel::drm::{
    Driver,
    Registration,
    UnregisteredDevice, //
};

fn register<'a, T: Driver>(
    pdev: &'a Device<'_>,
    drm: UnregisteredDevice<T>,
    data: T::RegistrationData<'a>,
) -> Result {
    let data = Ok::<_, Error>(data);
    // SAFETY: The program does not run.
    let registered = Registration::new(pdev.as_ref(), drm, data, 0); // FAIL
    let registered = unsafe { Registration::new(pdev.as_ref(), drm, data, 0) }; // PASS
    core::mem::forget(registered?);
    Ok(())
}
