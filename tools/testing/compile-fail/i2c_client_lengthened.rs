// SPDX-License-Identifier: GPL-2.0

//! An I2C client that is made from a generic device cannot outlive that reference.

//@ error: lifetime may not live long enough

mod common;

use common::*;
use kernel::i2c::I2cClient;

fn find<'a, 'c>(
    dev: &'a device::Device<Core<'c>>,
) -> Result<&'c I2cClient<Core<'c>>> { // FAIL
) -> Result<&'a I2cClient<Core<'c>>> { // PASS
    dev.try_into()
}
