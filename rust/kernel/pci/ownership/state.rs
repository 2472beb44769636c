// SPDX-License-Identifier: GPL-2.0

//! The state of a device's vectors, and how a driver's mistakes are reported.

use crate::{
    bindings,
    ffi::c_void,
    pci::{
        Device,
        IrqType, //
    },
    prelude::*,
    sync::atomic::{
        atomic_load,
        Atomic,
        Relaxed, //
    },
};
use core::{
    num::NonZero,
    ptr, //
};

pub(super) use crate::bindings::{
    pci_irq_decision as Decision,
    pci_irq_decision_PCI_IRQ_ALLOCATED as ALLOCATED,
    pci_irq_decision_PCI_IRQ_CLAIMED as CLAIMED,
    pci_irq_decision_PCI_IRQ_CONTAINED as CONTAINED,
    pci_irq_decision_PCI_IRQ_FREED as FREED,
    pci_irq_decision_PCI_IRQ_FREED_ONE as FREED_ONE,
    pci_irq_decision_PCI_IRQ_REFUSED_BUSY as REFUSED_BUSY,
    pci_irq_decision_PCI_IRQ_REFUSED_DETACHING as REFUSED_DETACHING,
    pci_irq_decision_PCI_IRQ_REFUSED_DEVICE_OWNS as REFUSED_DEVICE_OWNS,
    pci_irq_decision_PCI_IRQ_REFUSED_DRIVER_OWNS as REFUSED_DRIVER_OWNS,
    pci_irq_decision_PCI_IRQ_REFUSED_GUARD as REFUSED_GUARD,
    pci_irq_decision_PCI_IRQ_REFUSED_HANDLER as REFUSED_HANDLER,
    pci_irq_owner as Owner,
    pci_irq_owner_PCI_IRQ_OWNER_DEVICE as DEVICE,
    pci_irq_owner_PCI_IRQ_OWNER_DRIVER as DRIVER, //
};

/// Unique number of an allocation that a Rust guard holds.
pub(in crate::pci) type GuardId = NonZero<u64>;

/// Converts a `struct pci_dev *` from C to a reference.
///
/// # Safety
///
/// `dev` must be a valid device for the duration of `'a`.
#[inline]
pub(super) unsafe fn device_of<'a>(dev: *mut bindings::pci_dev) -> &'a Device {
    // SAFETY: `Device` wraps `struct pci_dev` transparently, and the caller says that it is valid.
    unsafe { &*dev.cast() }
}

/// Returns whether devres is releasing the entries of the driver, or is about to.
///
/// The PCI core clears its driver pointer when `remove()` has returned or `probe()` has failed; see
/// `pci_device_remove()`. The driver core clears its own only after devres has released everything.
/// It also sets its own first. The PCI core sets its pointer before it calls `probe()`, and a
/// driver allocates in `probe()` or later.
#[inline]
pub(super) fn is_detaching(pdev: &Device) -> bool {
    // SAFETY: `pdev` is a valid device, and the PCI core writes the field with one store.
    let pci_driver = unsafe { atomic_load(&raw mut (*pdev.as_raw()).driver, Relaxed) };
    // SAFETY: `pdev` is a valid device, and the driver core writes the field with one store.
    let driver = unsafe { atomic_load(&raw mut (*pdev.as_raw()).dev.driver, Relaxed) };
    pci_driver.is_null() && !driver.is_null()
}

/// Traces a decision about the vectors, with their owner. May sleep.
///
/// C header: [`drivers/pci/msi/ownership_trace.h`](srctree/drivers/pci/msi/ownership_trace.h)
#[inline]
pub(super) fn trace(pdev: &Device, decision: Decision) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace(pdev.as_raw(), decision) };
}

/// Reports a refusal, or with `CONTAINED` a leak. The vectors are live.
#[cold]
pub(super) fn report(pdev: &Device, decision: Decision) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_report(pdev.as_raw(), decision) };
}

/// The state of the vectors that were allocated last.
///
/// The driver's calls write it one at a time, and debugfs reads it on another CPU.
pub(super) struct Node {
    /// The devres entry that frees the vectors, or null if the driver frees them.
    managed_entry: Atomic<*mut c_void>,
    /// The number of the Rust guard that holds the vectors, or 0.
    guard: Atomic<u64>,
}

impl Node {
    /// Returns a node of vectors that the driver owns.
    pub(super) const fn new() -> Self {
        Self {
            managed_entry: Atomic::new(ptr::null_mut()),
            guard: Atomic::new(0),
        }
    }

    /// Resets the state: the driver owns the vectors, and no guard holds them.
    pub(super) fn reset(&self) {
        self.managed_entry.store(ptr::null_mut(), Relaxed);
        self.guard.store(0, Relaxed);
    }

    pub(super) fn owner(&self) -> Owner {
        if self.managed_entry().is_null() {
            DRIVER
        } else {
            DEVICE
        }
    }

    pub(super) fn managed_entry(&self) -> *mut c_void {
        self.managed_entry.load(Relaxed)
    }

    pub(super) fn set_managed_entry(&self, entry: *mut c_void) {
        self.managed_entry.store(entry, Relaxed);
    }

    pub(super) fn guard(&self) -> Option<GuardId> {
        NonZero::new(self.guard.load(Relaxed))
    }

    pub(super) fn set_guard(&self, id: GuardId) {
        self.guard.store(id.get(), Relaxed);
    }
}

/// Keeps the device from using its vectors, which are live. May sleep.
pub(super) fn silence(pdev: &Device) {
    // SAFETY: `pdev` is a valid device with vectors, hence MSI data.
    unsafe { bindings::pci_irq_vectors_silence(pdev.as_raw()) };
}

/// Returns the node of the device, if vectors were allocated since its MSI data was set up.
#[inline]
pub(super) fn node(pdev: &Device) -> Option<&Node> {
    // SAFETY: `pdev` is a valid device, and the field is written as an atomic.
    let node = unsafe { atomic_load(&raw mut (*pdev.as_raw()).irq_vectors, Relaxed) };
    // SAFETY: The pointer is null or points to the node. `release_node()` clears it before the node
    // is freed. The callers do not race with that: they make the driver's calls, or hold the lock
    // under which the pointer is cleared.
    unsafe { node.cast::<Node>().as_ref() }
}

/// Returns the type of the vectors that are live, if any are.
#[inline]
pub(in crate::pci) fn live(pdev: &Device) -> Option<IrqType> {
    let pdev = pdev.as_raw();
    // SAFETY: `pdev` is a valid device.
    if unsafe { bindings::pci_dev::msix_enabled_raw(pdev) } != 0 {
        return Some(IrqType::MsiX);
    }
    // SAFETY: `pdev` is a valid device.
    (unsafe { bindings::pci_dev::msi_enabled_raw(pdev) } != 0).then_some(IrqType::Msi)
}

/// Returns the state of the vectors that were allocated last, or all zero if none were. The caller
/// knows whether they are live.
///
/// # Safety
///
/// `dev` must be valid. The caller must be the MSI core, or hold the device's `devres_lock`.
#[export]
unsafe extern "C" fn pci_irq_vectors_state(
    dev: *mut bindings::pci_dev,
) -> bindings::pci_irq_vectors_state {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    node(pdev).map_or_else(Default::default, |node| bindings::pci_irq_vectors_state {
        owner: node.owner(),
        guarded: node.guard().is_some(),
    })
}
