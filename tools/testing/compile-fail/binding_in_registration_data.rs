// SPDX-License-Identifier: GPL-2.0

//! A binding does not go to the driver of a child, whose text can go first: it is not covariant, as
//! what children see of their parents has to be.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn takes<F: CovariantForLt>() {}

fn probe() {
    takes::<CovariantForLt!(pci::Binding<'_>)>(); // FAIL
    takes::<CovariantForLt!(pci::ManagedBar<'_>)>(); // PASS
}
