// SPDX-License-Identifier: GPL-2.0

//! The binding that is lent while the driver is bound cannot leave the closure.

//@ error: lifetime may not live long enough

mod common;

use common::*;

fn get(shared: &WhileBound<ForLt!(())>) -> Result {
    fn is_free(binding: pci::Binding<'_>) -> bool {
        binding.alloc_irq_vectors(1, 1, IrqTypes::all()).is_ok()
    }
    use_up(shared.with(|binding, _| binding)?); // FAIL
    use_up(shared.with(|binding, _| is_free(binding))?); // PASS
    Ok(())
}
