// SPDX-License-Identifier: GPL-2.0

//! C ABI of the owner of a device's interrupt vectors.
//!
//! C headers: [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h),
//! [`drivers/pci/msi/ownership.h`](srctree/drivers/pci/msi/ownership.h)
//!
//! Converts pointers and errors, and decides nothing: the rule is in
//! [`kernel::pci::ownership`]. `ownership_exports.c` exports and documents the functions that
//! drivers call.

use kernel::{
    bindings,
    error::from_result,
    ffi::{
        c_int,
        c_uint, //
    },
    pci::{
        ownership::{
            self,
            Owner, //
        },
        Device, //
    },
    prelude::*,
};

/// # Safety
///
/// `dev` must be a valid device for the duration of `'a`.
unsafe fn pci_device<'a>(dev: *mut bindings::pci_dev) -> &'a Device {
    // SAFETY: `Device` is a transparent wrapper of `struct pci_dev`; validity by the requirement.
    unsafe { &*dev.cast() }
}

/// Asked by the entry points of `api.c` before they allocate; `more` is for vectors that are added
/// to live ones.
///
/// # Safety
///
/// `dev` must be null, which the mechanism refuses itself, or valid.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_alloc(
    dev: *mut bindings::pci_dev,
    more: bool,
) -> c_int {
    if dev.is_null() {
        return 0;
    }
    // SAFETY: By the requirement.
    unsafe { ownership::may_alloc(pci_device(dev), more) }.map_or_else(Error::to_errno, |()| 0)
}

/// Told by `msi.c` once the MSI device data exists, before vectors do.
///
/// # Safety
///
/// `dev` must be valid.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_track(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: By the requirement.
    unsafe { ownership::track(pci_device(dev)) };
    0
}

/// Told by `msi.c` and `api.c` that `count` vectors were allocated; `more` as above.
///
/// # Safety
///
/// `dev` must be valid.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_did_alloc(
    dev: *mut bindings::pci_dev,
    count: c_uint,
    more: bool,
) {
    // SAFETY: By the requirement.
    unsafe { ownership::did_alloc(pci_device(dev), count, more) };
}

/// Asked by debugfs, which keeps the node meanwhile.
///
/// # Safety
///
/// `dev` must be valid, its node must stay, and `guard` must be valid for a write.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_owner(
    dev: *mut bindings::pci_dev,
    guard: *mut bool,
) -> bindings::pci_irq_owner {
    // SAFETY: By the requirements.
    let Some((owner, guarded)) = (unsafe { ownership::owner(pci_device(dev)) }) else {
        return bindings::pci_irq_owner_PCI_IRQ_OWNER_NONE;
    };
    // SAFETY: By the requirements.
    unsafe { guard.write(guarded) };
    match owner {
        Owner::Driver => bindings::pci_irq_owner_PCI_IRQ_OWNER_DRIVER,
        Owner::Device => bindings::pci_irq_owner_PCI_IRQ_OWNER_DEVICE,
    }
}

/// Asked by `api.c` before vectors that are there are freed: the one with interrupt `irq`, or all
/// if that is 0.
///
/// # Safety
///
/// `dev` must be valid.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_free(
    dev: *mut bindings::pci_dev,
    irq: c_uint,
) -> bool {
    // SAFETY: By the requirement.
    unsafe { ownership::may_free(pci_device(dev), irq) }
}

/// # Safety
///
/// `dev` must be null, which is refused, or valid; `affd` must be null or valid.
#[export]
pub unsafe extern "C" fn pcim_alloc_irq_vectors_affinity(
    dev: *mut bindings::pci_dev,
    min_vecs: c_uint,
    max_vecs: c_uint,
    flags: c_uint,
    affd: *mut bindings::irq_affinity,
) -> c_int {
    if dev.is_null() {
        return EINVAL.to_errno();
    }
    // SAFETY: By the requirements.
    from_result(|| unsafe {
        ownership::alloc_managed(pci_device(dev), min_vecs, max_vecs, flags, affd)
    })
}

/// # Safety
///
/// `dev` must be null, which is nothing to do, or valid.
#[export]
pub unsafe extern "C" fn pcim_free_irq_vectors(dev: *mut bindings::pci_dev) {
    if dev.is_null() {
        return;
    }
    // SAFETY: By the requirement.
    unsafe { ownership::free_managed(pci_device(dev)) };
}
