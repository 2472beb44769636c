// SPDX-License-Identifier: GPL-2.0

//! A reference to a handler cannot outlive the handle that returned it, which driver data drops.

//@ error: E0505

mod common;

use common::*;

fn set_up(handle: IrqHandle<'_, Keeps<u32>>) -> Result<u32> {
    let handler = handle.handler()?;
    drop(handle); // FAIL
    Ok(handler.0)
}
