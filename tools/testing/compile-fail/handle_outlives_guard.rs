// SPDX-License-Identifier: GPL-2.0

//! A handle cannot outlive the guard of the vectors, which frees them at the end of its block.

//@ error: E0597

mod common;

use common::*;

fn probe(pdev: &Device<'_>) -> Result {
    let kept;
    {
        let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
        let handle = vectors
            .index(0)?
            .request(pdev, Flags::SHARED, c"test", Ok(Quiet))?;
        kept = handle; // FAIL
        kept = handle.until_unbind(); // PASS
    }
    use_up(kept);
    Ok(())
}
