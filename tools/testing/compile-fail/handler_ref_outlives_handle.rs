// SPDX-License-Identifier: GPL-2.0

//! A handler does not outlive the handle that gave it, which driver data drops.

//@ error: E0505

mod common;

use common::*;

fn set_up(handle: IrqHandle<'_, Keeps<u32>>) -> Result<u32> {
    let handler = handle.handler()?;
    drop(handle); // FAIL
    Ok(handler.0)
}
