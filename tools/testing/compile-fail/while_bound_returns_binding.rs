// SPDX-License-Identifier: GPL-2.0

//! Nor does the binding.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn get(shared: &WhileBound<ForLt!(())>) -> Result {
    use_up(shared.with(|binding, _| binding)?); // FAIL
    use_up(shared.with(|binding, _| binding.alloc_irq_vectors(1, 1, IrqTypes::all()).is_ok())?); // PASS
    Ok(())
}
