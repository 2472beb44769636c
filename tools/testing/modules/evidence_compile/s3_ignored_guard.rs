// SPDX-License-Identifier: GPL-2.0

//! This driver does not keep the guard of its vectors, so they are freed at once.

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
