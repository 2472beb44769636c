// SPDX-License-Identifier: GPL-2.0

//! The devres entry that says who owns the vectors of a device.

use super::{
    device_of,
    free_at_release,
    Device,
    DevresEntry,
    GuardId,
    Owner,
    DEVICE,
    DRIVER, //
};
use crate::{
    bindings,
    container_of,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*,
    sync::atomic::{
        atomic_load,
        Atomic,
        Relaxed, //
    }, //
};
use core::{
    num::NonZero,
    ptr, //
};

/// What is known of the vectors that were allocated last.
///
/// The driver's calls write it one at a time, and debugfs reads it on another CPU.
pub(super) struct Node {
    /// The devres entry that frees the vectors, or null if the driver does.
    managed_entry: Atomic<*mut c_void>,
    /// The Rust guard that stands for the vectors, or 0.
    guard: Atomic<u64>,
    /// Whether a free was refused, so that the device must not use the vectors.
    silenced: Atomic<bool>,
}

impl Node {
    /// Returns a node of vectors that the driver owns.
    pub(super) const fn new() -> Self {
        Self {
            managed_entry: Atomic::new(ptr::null_mut()),
            guard: Atomic::new(0),
            silenced: Atomic::new(false),
        }
    }

    /// Registers a node with the device. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    pub(super) fn register(pdev: &Device) -> Result {
        // SAFETY: `release()` takes the node of a PCI device.
        let entry = unsafe {
            DevresEntry::new(
                release,
                c"pci_irq_vectors_release",
                bindings::NUMA_NO_NODE,
                Self::new(),
            )
        }?;
        let node = entry.add(pdev.as_ref()).as_ptr();
        // SAFETY: `pdev` is a valid device. The node is there until `release()` clears the pointer.
        unsafe { bindings::pci_irq_vectors_set_node(pdev.as_raw(), node.cast()) };
        Ok(())
    }

    /// Makes the driver the owner, of vectors that nobody has refused to free.
    pub(super) fn reset(&self) {
        self.managed_entry.store(ptr::null_mut(), Relaxed);
        self.guard.store(0, Relaxed);
        self.silenced.store(false, Relaxed);
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

    /// Takes the entry that frees the vectors off the devres list, once they are freed.
    ///
    /// The entry is not on the list if there is none, or if devres is releasing it. Then its
    /// release function finds that it owns no vectors any more.
    pub(super) fn remove_managed_entry(&self, pdev: &Device) {
        let entry = self.managed_entry();
        self.reset();
        // SAFETY: `pdev` is a valid device. `is_entry()` takes the address of an entry.
        unsafe {
            bindings::devres_destroy(
                pdev.as_ref().as_raw(),
                Some(super::release_managed),
                Some(is_entry),
                entry,
            )
        };
    }

    pub(super) fn guard(&self) -> Option<GuardId> {
        NonZero::new(self.guard.load(Relaxed))
    }

    pub(super) fn set_guard(&self, id: GuardId) {
        self.guard.store(id.get(), Relaxed);
    }

    pub(super) fn is_silenced(&self) -> bool {
        self.silenced.load(Relaxed)
    }

    pub(super) fn set_silenced(&self) {
        self.silenced.store(true, Relaxed);
    }
}

/// Returns the node of the device, if vectors were allocated since its driver was bound.
///
/// `struct pci_dev` has a pointer to it, because devres finds no entry while it releases, and
/// drivers free vectors from devm actions at that time.
#[inline]
pub(super) fn node(pdev: &Device) -> Option<&Node> {
    // SAFETY: `pdev` is a valid device, and the field is written as an atomic.
    let node = unsafe { atomic_load(&raw mut (*pdev.as_raw()).irq_vectors, Relaxed) };
    // SAFETY: The pointer is null or points to the node, which clears it before it goes. The calls
    // that use it do not race with that: they are the driver's, or hold the lock under which the
    // pointer is cleared.
    unsafe { node.cast::<Node>().as_ref() }
}

/// Tells devres whether an entry is the one at the address `wanted`.
///
/// # Safety
///
/// There are no requirements; devres asks for the type.
unsafe extern "C" fn is_entry(
    _dev: *mut bindings::device,
    entry: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    (entry == wanted).into()
}

/// Frees what is left when the driver is detached, or when the devres group of the MSI data is
/// released.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`.
unsafe extern "C" fn release(dev: *mut bindings::device, _node: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`, which is valid.
    let pdev = unsafe { device_of(container_of!(dev, bindings::pci_dev, dev)) };
    free_at_release(pdev);
    // SAFETY: `pdev` is a valid device. Nobody has a reference to the node after this.
    unsafe { bindings::pci_irq_vectors_set_node(pdev.as_raw(), ptr::null_mut()) };
}
