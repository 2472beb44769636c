// SPDX-License-Identifier: GPL-2.0

//! A binding cannot be given a shorter lifetime, because a handler that it registers could then
//! borrow values that end too early.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn shorten<'long: 'short, 'short>(binding: pci::Binding<'long>, other: &'short u32) {
    let binding: pci::Binding<'short> = binding; // FAIL
    let binding: pci::Binding<'long> = binding; // PASS
    use_up((binding, other));
}
