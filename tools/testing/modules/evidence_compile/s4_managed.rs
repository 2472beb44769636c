// SPDX-License-Identifier: GPL-2.0

//! This driver is s4_one_struct.rs with vectors that the device owns, and without `unsafe`.

use kernel::{
    device::Core,
    irq,
    pci,
    prelude::*, //
};

/// A handler.
pub struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// What the driver needs as long as it is bound.
pub struct Data<'bound> {
    /// Its handler.
    pub handler: pci::IrqHandle<'bound, Quiet>,
    /// Its vectors.
    pub vectors: pci::ManagedIrqVectors<'bound>,
}

/// Part of a probe.
pub fn start<'bound>(pdev: &'bound pci::Device<Core<'_>>) -> Result<Data<'bound>> {
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    let vector = vectors.index(0)?;
    let handler = vector.request(pdev, irq::Flags::SHARED, c"s4", Ok(Quiet))?;
    Ok(Data { handler, vectors })
}
