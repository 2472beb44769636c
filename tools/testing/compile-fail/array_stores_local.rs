// SPDX-License-Identifier: GPL-2.0

//! What is stored in an array lives as long as the array says, also through a shared reference to
//! it, which is how a handler and data that is lent have one.

//@ error: E0597

mod common;

use common::*;
use kernel::xarray::XArray;

fn store(slot: &WhileBound<ForLt!(Pin<KBox<XArray<KBox<&u32>>>>)>) -> Result {
    let local = 1;
    slot.with(|_, slot| -> Result {
        let value = KBox::new(&local, GFP_KERNEL)?; // FAIL
        let value = KBox::new(&1, GFP_KERNEL)?; // PASS
        let stored = slot.lock().store(0, value, GFP_KERNEL);
        stored.map(drop).map_err(|e| e.error)
    })??;
    use_up(local);
    Ok(())
}
