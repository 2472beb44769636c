// SPDX-License-Identifier: GPL-2.0

//! Uses what an earlier binding of the device left in a static.

use super::*;
use kernel::devres::Devres;

static LEFT: [SetOnce<Devres<u32>>; 2] = [const { SetOnce::new() }; 2];

/// The device is the same, and yet it no longer holds what its driver gave it before.
fn devres_of_an_earlier_binding_is_gone<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let left = &LEFT[hardware.kind as usize];
    if let Some(left) = left.as_ref() {
        check!(left.access(pdev.as_ref()).err() == Some(ENXIO));
        return Ok(());
    }
    left.populate(Devres::new(pdev.as_ref(), Ok::<_, Error>(7))?);
    check!(left.as_ref().ok_or(EINVAL)?.access(pdev.as_ref()) == Ok(&7));
    Ok(())
}

pub(crate) const CASES: &[Case] = cases!(devres_of_an_earlier_binding_is_gone);
