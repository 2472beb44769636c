// SPDX-License-Identifier: GPL-2.0

//! Guards that two devices lend cannot be swapped: they have two lifetimes, because the vectors of
//! one device must not be freed under the lock of the other.

//@ error: E0521

mod common;

use common::*;

type Lent = WhileBound<ForLt!(Mutex<Option<IrqVectorRegistration<'_>>>)>;

fn swap(one: &Lent, other: &Lent) -> Result {
    one.with(|_, one| {
        other.with(|_, other| {
            let mut own = other.lock().take();
            core::mem::swap(&mut *one.lock(), &mut own); // FAIL
            core::mem::swap(&mut *other.lock(), &mut own); // PASS
            use_up(one);
        })
    })?
}
