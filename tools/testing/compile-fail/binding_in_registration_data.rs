// SPDX-License-Identifier: GPL-2.0

//! A binding cannot be passed to the driver of a child, whose module can be removed first: it is
//! not covariant, which data that children see must be.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn takes<F: CovariantForLt>() {}

fn probe() {
    takes::<CovariantForLt!(pci::Binding<'_>)>(); // FAIL
    takes::<CovariantForLt!(pci::ManagedBar<'_>)>(); // PASS
}
