// SPDX-License-Identifier: GPL-2.0

//! The result of a free that may be refused cannot be ignored, because an error returns the guard.

//@ error: unused_must_use

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
    vectors.free(); // FAIL
    vectors.free().map_err(|(e, _)| e)?; // PASS
    Ok(())
}
