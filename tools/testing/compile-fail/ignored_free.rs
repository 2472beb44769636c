// SPDX-License-Identifier: GPL-2.0

//! A free that may be refused gives the guard back, which is not ignored.

//@ error: unused_must_use

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    vectors.free(); // FAIL
    vectors.free().map_err(|(e, _)| e)?; // PASS
    Ok(())
}
