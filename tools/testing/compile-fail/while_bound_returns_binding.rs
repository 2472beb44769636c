// SPDX-License-Identifier: GPL-2.0

//! Nor does the binding.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn get(shared: &WhileBound<ForLt!(())>) -> Result {
    let is_free = |binding: pci::Binding<'_>| binding.alloc_irq_vectors(1, 1, IrqTypes::all());
    use_up(shared.with(|binding, _| binding)?); // FAIL
    use_up(shared.with(|binding, _| is_free(binding).is_ok())?); // PASS
    Ok(())
}
