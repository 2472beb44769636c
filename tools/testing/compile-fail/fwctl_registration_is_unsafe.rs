// SPDX-License-Identifier: GPL-2.0

//! A registration with fwctl has data that borrows, and can be forgotten, so creating one takes
//! `unsafe`.

//@ error: E0133

mod common;

use common::*;

use kernel::fwctl::{
    self,
    Operations,
    Registration, //
};

fn register<'a, T: Operations>(
    pdev: &'a Device<'_>,
    device: &fwctl::Device<T>,
    data: T::RegistrationData<'a>,
) -> Result {
    let data = Ok::<_, Error>(data);
    // SAFETY: The program does not run.
    let registered = Registration::new(pdev.as_ref(), device, data); // FAIL
    let registered = unsafe { Registration::new(pdev.as_ref(), device, data) }; // PASS
    core::mem::forget(registered?);
    Ok(())
}
