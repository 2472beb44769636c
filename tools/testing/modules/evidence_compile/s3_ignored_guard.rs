// SPDX-License-Identifier: GPL-2.0

//! Does not keep the guard of its vectors, which frees them at once.

use kernel::{
    device::Core,
    pci,
    prelude::*, //
};

/// Part of a probe.
pub fn allocate(pdev: &pci::Device<Core<'_>>) -> Result {
    pdev.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    Ok(())
}
