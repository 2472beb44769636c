// SPDX-License-Identifier: GPL-2.0

//! Handlers on a device's vectors, and what becomes of those that a driver leaves behind.

use super::{
    report,
    trace,
    type_name,
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

/// A handler that is registered on an interrupt, as it was when it was found.
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

/// Releases handlers and vectors of a device whose driver is gone, or whose MSI data goes.
///
/// Otherwise both would stay in the core for ever: the interrupts without a domain, the descriptors
/// without a device. The device is silenced first, because what a handler uses may be gone already.
/// This keeps the core sane. It cannot bring back the data of a C handler.
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
            // genirq has warned and has not released it. It would be found for ever.
            break;
        }
        report!(
            pdev,
            "irq vectors: handler {} on irq {} leaked by the driver, released at detach\n",
            handler,
            handler.0.irq
        );
        // SAFETY: The handler was just found. Its driver is detached and does not free it.
        unsafe { bindings::pci_irq_release_handler(&handler.0) };
    }
    // SAFETY: `raw` is a valid device with vectors.
    unsafe { bindings::pci_irq_vectors_free(raw) };
}
