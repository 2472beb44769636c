// SPDX-License-Identifier: GPL-2.0

//! This driver keeps vectors and their handler in one struct, which is its driver data.

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
    pub handler: Pin<KBox<irq::Registration<'bound, Quiet>>>,
    /// Its vectors.
    pub vectors: pci::IrqVectorRegistration<'bound>,
}

/// Part of a probe.
pub fn start<'bound>(pdev: &'bound pci::Device<Core<'_>>) -> Result<Data<'bound>> {
    let vectors = pdev.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    let request = vectors.index(0)?.into();
    // SAFETY: The driver's data is dropped.
    let init = unsafe { irq::Registration::new(request, irq::Flags::SHARED, c"s4", Ok(Quiet)) };
    let handler = KBox::pin_init(init, GFP_KERNEL)?;
    Ok(Data { handler, vectors })
}
