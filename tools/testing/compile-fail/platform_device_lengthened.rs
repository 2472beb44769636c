// SPDX-License-Identifier: GPL-2.0

//! A platform device that is made from a generic device cannot outlive that reference.

//@ error: lifetime may not live long enough

mod common;

use common::*;
use kernel::platform;

fn find<'a, 'c>(
    dev: &'a device::Device<Core<'c>>,
) -> Result<&'c platform::Device<Core<'c>>> { // FAIL
) -> Result<&'a platform::Device<Core<'c>>> { // PASS
    dev.try_into()
}
