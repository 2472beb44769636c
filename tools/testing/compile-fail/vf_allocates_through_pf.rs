// SPDX-License-Identifier: GPL-2.0

//! The driver of a virtual function cannot allocate vectors of the physical function.

//@ error: E0599

mod common;

use common::*;

fn probe(vf: &Device<'_>, pf: &pci::Device<Bound>) -> Result {
    let pdev = pf; // FAIL
    let pdev = vf; // PASS
    use_up(pf.vendor_id());
    use_up(pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?);
    Ok(())
}
