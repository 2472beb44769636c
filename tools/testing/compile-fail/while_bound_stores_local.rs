// SPDX-License-Identifier: GPL-2.0

//! Values that end earlier than the binding cannot be stored in the data. Values that the binding
//! returns can.

//@ error: E0597

mod common;

use common::*;

fn store(slot: &WhileBound<ForLt!(Mutex<Option<&u32>>)>) -> Result {
    let local = 1;
    slot.with(|_, slot| {
        *slot.lock() = Some(&local); // FAIL
        *slot.lock() = Some(&1); // PASS
    })?;
    use_up(local);
    Ok(())
}
