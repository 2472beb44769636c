// SPDX-License-Identifier: GPL-2.0

//! Finds handlers on a device's vectors, and releases those that a driver leaked.

use super::state::{
    report,
    silence,
    trace,
    Node,
    CONTAINED,
    DRIVER, //
};
use crate::{
    bindings,
    ffi::c_uint,
    pci::Device, //
};
use core::num::NonZero;

/// A snapshot of a handler that is registered on an interrupt.
#[derive(Default)]
pub(super) struct Handler(bindings::pci_irq_handler);

impl Handler {
    /// Finds a handler that is registered on one of the device's MSI or MSI-X vectors, which are
    /// live. May sleep.
    pub(super) fn find(pdev: &Device) -> Option<Self> {
        let mut handler = Self::default();
        // SAFETY: `pdev` is a valid device with vectors, hence MSI data.
        unsafe { bindings::pci_irq_vectors_find_handler(pdev.as_raw(), &mut handler.0) }
            .then_some(handler)
    }

    /// Finds a handler that is registered on interrupt `irq`.
    pub(super) fn find_on(irq: NonZero<c_uint>) -> Option<Self> {
        let mut handler = Self::default();
        // SAFETY: The function takes any interrupt number.
        unsafe { bindings::pci_irq_handler_find(irq.get(), &mut handler.0) }.then_some(handler)
    }

    /// Reports that vectors are not freed because of the handler.
    #[cold]
    pub(super) fn report_refused(&self, pdev: &Device) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_handler_report_refused(pdev.as_raw(), &self.0) };
    }

    /// Releases a handler that the driver leaked, and reports that.
    fn release(&self, pdev: &Device) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_handler_report_leaked(pdev.as_raw(), &self.0) };
        // SAFETY: The handler was just found, and the driver makes no other call meanwhile.
        unsafe { bindings::pci_irq_handler_release(&self.0) };
    }
}

/// Releases the handlers and the vectors of a device whose driver is gone, or whose MSI data is
/// released with a devres group.
///
/// Otherwise the MSI core would free the domain and the descriptors under handlers that are
/// registered. The device is silenced first, because the data of a handler may be
/// freed already. This protects the core only: a C handler may have used freed data before.
#[cold]
pub(super) fn contain(pdev: &Device, node: &Node) {
    if node.owner() == DRIVER {
        report(pdev, CONTAINED);
    }
    trace(pdev, CONTAINED);
    silence(pdev);

    let mut last = None;
    while let Some(handler) = Handler::find(pdev) {
        let this = (handler.0.irq, handler.0.action);
        if last.replace(this) == Some(this) {
            // free_irq() has warned and not released it. Stop, or the loop never ends.
            break;
        }
        handler.release(pdev);
    }
    // SAFETY: `pdev` is a valid device with vectors. Their handlers are released, but for one that
    // genirq has warned about.
    unsafe { bindings::pci_irq_vectors_free(pdev.as_raw()) };
}
