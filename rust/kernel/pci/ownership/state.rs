// SPDX-License-Identifier: GPL-2.0

//! The state of a device's vectors, and how a driver's mistakes are reported.

use super::{
    Device,
    GuardId,
    IrqType,
    Owner,
    DEVICE,
    DRIVER,
    NONE, //
};
use crate::{
    bindings,
    ffi::c_void,
    prelude::*,
    sync::atomic::{
        atomic_load,
        Atomic,
        Relaxed, //
    },
    warn_on, //
};
use core::{
    num::NonZero,
    ptr, //
};

/// Reports what a driver did wrong: `start`, the type of its vectors, and `end`.
///
/// Tests and people look for these lines, so their wording is stable.
#[cold]
pub(super) fn report(pdev: &Device, start: &CStr, end: &CStr) {
    // SAFETY: `pdev` is a valid device, and both are C strings.
    unsafe {
        bindings::pci_irq_vectors_report(pdev.as_raw(), start.as_char_ptr(), end.as_char_ptr())
    };
    warn_if_debugging();
}

/// Shows the callers of a call that was reported.
#[cold]
#[inline(never)]
pub(super) fn warn_if_debugging() {
    warn_on!(cfg!(CONFIG_PCI_DEVRES_RUST_DEBUG));
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

/// Returns who owns the vectors that are live, or `NONE`.
#[inline]
pub(super) fn owner(pdev: &Device) -> Owner {
    match (node(pdev), live(pdev)) {
        (Some(node), Some(_)) => node.owner(),
        _ => NONE,
    }
}
