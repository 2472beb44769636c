// SPDX-License-Identifier: GPL-2.0

//! Driver code cannot create a binding itself.

//@ error: E0451

mod common;

use common::*;

fn of<'a>(binding: pci::Binding<'a>) -> pci::Binding<'a> {
    let binding = pci::Binding { ..binding }; // FAIL
    binding
}
