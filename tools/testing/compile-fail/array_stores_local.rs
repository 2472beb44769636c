// SPDX-License-Identifier: GPL-2.0

//! A value that is stored in an array must live as long as the array's type says, also if it is
//! stored through a shared reference, which is what handlers and users of lent data have.

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
