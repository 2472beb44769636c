// SPDX-License-Identifier: GPL-2.0

//! Driver data can keep the handle of a managed vector next to the witness, but only for the time
//! of the binding.

//@ error: lifetime may not live long enough

mod common;

use common::*;

struct Data<'bound> {
    handle: IrqHandle<'bound, Quiet>,
    vectors: ManagedIrqVectors<'bound>,
}

fn probe<'bound>(pdev: &'bound Device<'_>) -> Result<Data<'bound>> {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
    let data: Data<'static> = Data { handle, vectors }; // FAIL
    let data: Data<'bound> = Data { handle, vectors }; // PASS
    Ok(data)
}
