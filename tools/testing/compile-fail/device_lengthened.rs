// SPDX-License-Identifier: GPL-2.0

//! A device found by its generic part is there no longer than that.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn find<'a, 'c>(
    dev: &'a device::Device<Core<'c>>,
) -> Result<&'c Device<'c>> { // FAIL
) -> Result<&'a Device<'c>> { // PASS
    dev.try_into()
}
