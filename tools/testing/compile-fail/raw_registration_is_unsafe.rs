// SPDX-License-Identifier: GPL-2.0

//! Safe code cannot create a registration that a driver may forget while the handler borrows.

//@ error: E0133

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    let vector = vectors.index(0)?;
    let request: irq::IrqRequest<'_> = vector.into();
    let _init = irq::ThreadedRegistration::new(request, Flags::SHARED, c"test", Ok(Quiet)); // FAIL
    let _init = Ok::<_, Error>(request); // PASS
    Ok(())
}
