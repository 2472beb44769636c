// SPDX-License-Identifier: GPL-2.0

//! A driver does not make a binding itself.

//@ error: E0451

mod common;

use common::*;

fn of<'a>(binding: pci::Binding<'a>) -> pci::Binding<'a> {
    let binding = pci::Binding { ..binding }; // FAIL
    binding
}
