// SPDX-License-Identifier: GPL-2.0

//! Finds handlers on a device's vectors, and releases those that a driver leaked.

use super::{
    state::{
        report,
        type_name, //
    },
    trace,
    Device,
    Owner,
    DRIVER, //
};
use crate::{
    bindings,
    ffi::c_uint,
    fmt,
    prelude::*, //
};

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
    pub(super) fn find_on(irq: c_uint) -> Option<Self> {
        let mut handler = Self::default();
        // SAFETY: The function takes any number.
        unsafe { bindings::pci_irq_find_handler(irq, &mut handler.0) }.then_some(handler)
    }

    /// Reports that vectors are not freed because of the handler.
    #[cold]
    pub(super) fn report_refused_free(&self, pdev: &Device) {
        report!(
            pdev,
            "irq vectors: free refused, handler {} is registered on irq {}\n",
            self,
            self.0.irq
        );
    }
}

impl fmt::Display for Handler {
    /// Shows the symbol of the function. The name that the handler was registered with may be part
    /// of the driver's data, which may be freed by now.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = [0u8; 64];
        // SAFETY: `name` is valid for writes of its length, and the format takes an address.
        unsafe {
            bindings::snprintf(
                name.as_mut_ptr().cast(),
                name.len(),
                c"%ps".as_char_ptr(),
                self.0.function,
            )
        };
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| fmt::Error)?;
        fmt::Display::fmt(name, f)
    }
}

/// Releases the handlers and the vectors of a device whose driver is gone, or whose MSI data is
/// released with a devres group.
///
/// Otherwise irqactions and MSI descriptors would leak: the interrupts without a domain, the
/// descriptors without a device. The device is silenced first, because the data of a handler may be
/// freed already. This protects the core only: a C handler may have used freed data before.
#[cold]
pub(super) fn contain(pdev: &Device, owner: Owner) {
    let raw = pdev.as_raw();

    if owner == DRIVER {
        report!(
            pdev,
            "irq vectors: {} vectors leaked by the driver, freed at detach\n",
            type_name(pdev)
        );
    }
    trace::contain(pdev, owner);
    // SAFETY: `raw` is a valid device with vectors, hence MSI data.
    unsafe { bindings::pci_irq_vectors_silence(raw) };

    let mut last = None;
    while let Some(handler) = Handler::find(pdev) {
        let this = (handler.0.irq, handler.0.action);
        if last.replace(this) == Some(this) {
            // free_irq() has warned and not released it. Stop, or the loop never ends.
            break;
        }
        report!(
            pdev,
            "irq vectors: handler {} on irq {} leaked by the driver, released at detach\n",
            handler,
            handler.0.irq
        );
        // SAFETY: The handler was just found, and the driver makes no other call meanwhile.
        unsafe { bindings::pci_irq_release_handler(&handler.0) };
    }
    // SAFETY: `raw` is a valid device with vectors. Their handlers are released, but for one that
    // genirq has warned about.
    unsafe { bindings::pci_irq_vectors_free(raw) };
}
