// SPDX-License-Identifier: GPL-2.0

//! A PCI device that is made from a generic device cannot outlive that reference.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn find<'a, 'c>(
    dev: &'a device::Device<Core<'c>>,
) -> Result<&'c Device<'c>> { // FAIL
) -> Result<&'a Device<'c>> { // PASS
    dev.try_into()
}
