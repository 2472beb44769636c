// SPDX-License-Identifier: GPL-2.0

//! The driver of a child cannot allocate vectors of its parent, which may have a driver in C or be
//! unbound at that time. It can allocate vectors of its own device.

//@ error: E0599

mod common;

use common::*;

fn probe(parent: &device::Device<Bound>, own: &Device<'_>) -> Result {
    let parent: &pci::Device<Bound> = parent.try_into()?;
    let pdev = parent; // FAIL
    let pdev = own; // PASS
    use_up(parent.vendor_id());
    use_up(pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?);
    Ok(())
}
