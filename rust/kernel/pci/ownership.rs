// SPDX-License-Identifier: GPL-2.0

//! Who frees the interrupt vectors of a PCI device, and when.
//!
//! C headers: [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h),
//! [`drivers/pci/msi/ownership.h`](srctree/drivers/pci/msi/ownership.h)
//!
//! MSI and MSI-X vectors that are live have one owner. The driver owns what the `pci_*` calls
//! allocated, and frees it. The device owns what the `pcim_*` calls allocated, and frees it when
//! the driver is detached. An INTx interrupt has no owner.
//!
//! | call                          | no vectors | the driver owns    | the device owns |
//! |-------------------------------|------------|--------------------|-----------------|
//! | `pci_alloc_irq_vectors()`...  | driver's   | `EBUSY`            | `EBUSY`         |
//! | `pcim_alloc_irq_vectors()`... | device's   | `EBUSY`            | `EBUSY`         |
//! | `pci_free_irq_vectors()`...   | nothing    | freed              | refused         |
//! | `pcim_free_irq_vectors()`     | nothing    | refused            | freed           |
//! | release of the devres group   | nothing    | stay               | freed           |
//! | detach                        | nothing    | reported and freed | freed           |
//!
//! - **A free is refused** also while a handler is registered on one of the vectors. A caller that
//!   frees expects no interrupt after the call, because its data or the power of the device goes
//!   next. So a refused free *silences* the device: it cannot use the vectors any more until they
//!   are freed and allocated anew.
//! - **At detach** nobody is left who could free a handler, so handlers that are still registered
//!   are reported and released. The `containment` module does that.
//! - **Refusals and leaks** are reported by the device, one line each. With
//!   `CONFIG_PCI_DEVRES_RUST_DEBUG` a warning shows who called. The trace events
//!   `pci_irq_vectors:*` record every decision, and `pci_irq_vectors` in debugfs lists the owners.
//!
//! # What is kept
//!
//! `msi_enabled` and `msix_enabled` of the device say whether vectors are live. Devres entries say
//! whose they are:
//!
//! - The [`Node`] is one entry a binding. The first allocation registers it right after the MSI
//!   data of the device, so devres releases it right before that data. Vectors that are live then
//!   have to go, whoever owns them.
//! - A managed allocation adds an entry of its own, which frees the vectors when devres releases
//!   it: after everything that the driver registered with devres later, handlers for instance, and
//!   with the devres group in which the allocation was made. The node points to that entry. A null
//!   pointer means that the driver owns the vectors.
//!
//! The MSI core and the driver make the calls in here one at a time, as they always had to. Rust
//! code is serialised by [`super::binding`].

mod containment;
mod node;
mod trace;

use self::{
    containment::{
        contain,
        Handler, //
    },
    node::{
        node,
        Node, //
    },
};
use super::{
    entry::DevresEntry,
    irq_types::IrqType,
    Device, //
};
use crate::{
    bindings::{
        self,
        pci_irq_owner as Owner,
        pci_irq_owner_PCI_IRQ_OWNER_DEVICE as DEVICE,
        pci_irq_owner_PCI_IRQ_OWNER_DRIVER as DRIVER,
        pci_irq_owner_PCI_IRQ_OWNER_NONE as NONE,
        pci_irq_refusal as Refusal,
        pci_irq_refusal_PCI_IRQ_REFUSAL_BUSY as BUSY,
        pci_irq_refusal_PCI_IRQ_REFUSAL_DETACHING as DETACHING,
        pci_irq_refusal_PCI_IRQ_REFUSAL_DEVICE_OWNS as DEVICE_OWNS,
        pci_irq_refusal_PCI_IRQ_REFUSAL_DRIVER_OWNS as DRIVER_OWNS,
        pci_irq_refusal_PCI_IRQ_REFUSAL_GUARD as GUARD,
        pci_irq_refusal_PCI_IRQ_REFUSAL_HANDLER as HANDLER, //
    },
    container_of,
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    prelude::*,
    sync::atomic::{
        atomic_load,
        Relaxed, //
    }, //
};
use core::num::NonZero;

/// Names one allocation that a Rust guard stands for. No two allocations have the same.
pub(super) type GuardId = NonZero<u64>;

/// Reports what a driver did wrong. Tests and people look for these lines, so their wording is
/// stable.
macro_rules! report {
    ($pdev:expr, $($message:tt)*) => {{
        dev_err!($pdev, $($message)*);
        crate::warn_on!(cfg!(CONFIG_PCI_DEVRES_RUST_DEBUG));
    }};
}
use report;

/// Returns the device at a pointer that C has given.
///
/// # Safety
///
/// `dev` must be a valid device for the duration of `'a`.
#[inline]
unsafe fn device_of<'a>(dev: *mut bindings::pci_dev) -> &'a Device {
    // SAFETY: `Device` is a transparent wrapper of `struct pci_dev`, which the caller says is valid.
    unsafe { &*dev.cast() }
}

/// Returns who owns vectors that are live, in words.
fn name_of(owner: Owner) -> &'static str {
    if owner == DEVICE {
        "device"
    } else {
        "driver"
    }
}

/// Returns the type of the vectors that are live, if any are.
#[inline]
pub(super) fn live(pdev: &Device) -> Option<IrqType> {
    let pdev = pdev.as_raw();
    // SAFETY: `pdev` is a valid device.
    if unsafe { bindings::pci_dev::msix_enabled_raw(pdev) } != 0 {
        return Some(IrqType::MsiX);
    }
    // SAFETY: `pdev` is a valid device.
    (unsafe { bindings::pci_dev::msi_enabled_raw(pdev) } != 0).then_some(IrqType::Msi)
}

/// Tells whether the device has a PCI driver that is not being detached.
#[inline]
pub(super) fn is_driven(pdev: &Device) -> bool {
    // SAFETY: `pdev` is a valid device, and the PCI core writes the field once.
    !unsafe { atomic_load(&raw mut (*pdev.as_raw()).driver, Relaxed) }.is_null()
}

/// Tells whether devres is releasing the driver's entries, or is about to.
///
/// The PCI core clears its driver pointer when `remove()` has returned or `probe()` has failed; see
/// `pci_device_remove()`. The driver core clears its own only after devres has released everything.
#[inline]
fn is_detaching(pdev: &Device) -> bool {
    // SAFETY: `pdev` is a valid device, and the driver core writes the field once.
    let driver = unsafe { atomic_load(&raw mut (*pdev.as_raw()).dev.driver, Relaxed) };
    !is_driven(pdev) && !driver.is_null()
}

/// Answers whether vectors may be allocated: not while any are live, and not during detach.
///
/// Returns 0, `-EBUSY` or `-ENODEV`. A null `dev` may, because the MSI core refuses that itself.
///
/// # Safety
///
/// `dev` must be null or valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_alloc(dev: *mut bindings::pci_dev) -> c_int {
    if dev.is_null() {
        return 0;
    }
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if let Some(irq_type) = live(pdev) {
        report!(
            pdev,
            "irq vectors: allocation refused, the {} owns the {} vectors that are live\n",
            name_of(owner(pdev)),
            irq_type.name()
        );
        trace::refuse(pdev, owner(pdev), BUSY);
        return EBUSY.to_errno();
    }
    // SAFETY: These are the requirements of this function.
    unsafe { pci_irq_vectors_may_add(dev) }
}

/// Answers whether a vector may be added to those that are live: not during detach.
///
/// Returns 0 or `-ENODEV`.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_add(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if is_detaching(pdev) {
        trace::refuse(pdev, owner(pdev), DETACHING);
        return ENODEV.to_errno();
    }
    0
}

/// Gives the device a node if it has none. The MSI core calls this once the MSI data of the device
/// is registered and before vectors are allocated. May sleep.
///
/// Returns 0 or `-ENOMEM`.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_track(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if node(pdev).is_some() {
        return 0;
    }
    Node::register(pdev).map_or_else(Error::to_errno, |()| 0)
}

/// Makes `owner` the owner of vectors that were just allocated. May sleep.
///
/// Returns 0, also for an INTx interrupt, or `-ENOMEM` after it has freed the vectors.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_did_alloc(
    dev: *mut bindings::pci_dev,
    owner: Owner,
) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let (Some(node), Some(_)) = (node(pdev), live(pdev)) else {
        return 0;
    };
    node.reset();
    if owner == DEVICE {
        if let Err(e) = add_managed_entry(pdev, node) {
            // SAFETY: `dev` is a valid device with vectors, on which nobody has registered a
            // handler yet.
            unsafe { bindings::pci_irq_vectors_free(dev) };
            return e.to_errno();
        }
    }
    trace::alloc(pdev, owner);
    0
}

/// Records that one vector was added. It has the owner of those that were live.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_did_add(dev: *mut bindings::pci_dev) {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    trace::add(pdev, owner(pdev));
}

/// Adds the entry that makes the device the owner of the vectors that are live.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
fn add_managed_entry(pdev: &Device, node: &Node) -> Result {
    // SAFETY: `release_managed()` takes any entry of a PCI device.
    let entry = unsafe {
        DevresEntry::new(
            release_managed,
            c"pcim_irq_vectors_release",
            bindings::NUMA_NO_NODE,
            (),
        )
    }?;
    node.set_managed_entry(entry.add(pdev.as_ref()).as_ptr().cast());
    Ok(())
}

/// Frees the vectors that the entry owns, when devres releases it.
///
/// The entry may own none any more: a driver can free them in a devm action and allocate others,
/// while this entry waits to be released.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`.
unsafe extern "C" fn release_managed(dev: *mut bindings::device, entry: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`, which is valid.
    let pdev = unsafe { device_of(container_of!(dev, bindings::pci_dev, dev)) };
    if let Some(node) = node(pdev).filter(|node| node.managed_entry() == entry) {
        free_at_release(pdev);
        node.reset();
    }
}

/// Frees vectors that have to go, if any are live, whoever owns them.
fn free_at_release(pdev: &Device) {
    let owner = owner(pdev);
    if owner == NONE {
        return;
    }
    if owner == DRIVER || Handler::find(pdev).is_some() {
        contain(pdev, owner);
    } else {
        free(pdev, owner);
    }
}

/// Frees the vectors, which no handler is registered on.
fn free(pdev: &Device, owner: Owner) {
    trace::free(pdev, owner);
    // SAFETY: `pdev` is a valid device with vectors and without handlers.
    unsafe { bindings::pci_irq_vectors_free(pdev.as_raw()) };
}

/// Answers whether the driver may free the vectors, which are live. May sleep.
///
/// It may not if the device owns them or a handler is registered on one. Then the device is
/// silenced.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_free(dev: *mut bindings::pci_dev) -> bool {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if owner(pdev) == DEVICE {
        report!(
            pdev,
            "irq vectors: free refused, the device owns the {} vectors until detach\n",
            type_name(pdev)
        );
        refuse_free(pdev, DEVICE_OWNS);
        return false;
    }
    if is_handled(pdev) {
        return false;
    }
    trace::free(pdev, DRIVER);
    true
}

/// Answers whether the MSI-X vector with interrupt `irq` may be freed, which anybody may who has
/// added it. May sleep.
///
/// It may not while a handler is registered on it. Then the vector is masked.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_may_free_one(
    dev: *mut bindings::pci_dev,
    irq: c_uint,
) -> bool {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if let Some(handler) = Handler::find_on(irq) {
        handler.report_refused_free(pdev);
        // SAFETY: `dev` is a valid device with vectors, hence MSI data.
        unsafe { bindings::pci_irq_vectors_silence_one(dev, irq) };
        trace::refuse(pdev, owner(pdev), HANDLER);
        return false;
    }
    trace::free_one(pdev, owner(pdev));
    true
}

/// Frees the vectors that the device owns before it is detached, if any are live. May sleep.
///
/// It does not if the driver owns them, a Rust guard stands for them, or a handler is registered on
/// one. Then the device is silenced.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_free_managed(dev: *mut bindings::pci_dev) {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let (Some(node), Some(irq_type)) = (node(pdev), live(pdev)) else {
        return;
    };
    let (whose, refusal) = if node.owner() == DRIVER {
        ("the driver owns", DRIVER_OWNS)
    } else if node.guard().is_some() {
        ("a Rust guard stands for", GUARD)
    } else {
        if !is_handled(pdev) {
            free(pdev, DEVICE);
            node.remove_managed_entry(pdev);
        }
        return;
    };
    report!(
        pdev,
        "irq vectors: managed free refused, {} the {} vectors\n",
        whose,
        irq_type.name()
    );
    refuse_free(pdev, refusal);
}

/// Returns what is known of the vectors of the device.
///
/// # Safety
///
/// `dev` must be valid. The caller must be the MSI core, or hold the device's `devres_lock`.
#[export]
pub unsafe extern "C" fn pci_irq_vectors_state(
    dev: *mut bindings::pci_dev,
) -> bindings::pci_irq_vectors_state {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let node = node(pdev);
    bindings::pci_irq_vectors_state {
        owner: owner(pdev),
        guarded: node.is_some_and(|node| node.guard().is_some()),
        silenced: node.is_some_and(Node::is_silenced),
    }
}

/// Returns who owns the vectors that are live, or `NONE`.
#[inline]
fn owner(pdev: &Device) -> Owner {
    match (node(pdev), live(pdev)) {
        (Some(node), Some(_)) => node.owner(),
        _ => NONE,
    }
}

/// Returns the name of the type of the vectors that are live.
fn type_name(pdev: &Device) -> &'static str {
    live(pdev).unwrap_or(IrqType::Intx).name()
}

/// Tells whether a handler is registered on one of the vectors, and refuses to free them if so.
fn is_handled(pdev: &Device) -> bool {
    let Some(handler) = Handler::find(pdev) else {
        return false;
    };
    handler.report_refused_free(pdev);
    refuse_free(pdev, HANDLER);
    true
}

/// Keeps the device from using vectors that a call was refused to free. The report comes first.
#[cold]
fn refuse_free(pdev: &Device, refusal: Refusal) {
    if let Some(node) = node(pdev) {
        node.set_silenced();
    }
    // SAFETY: `pdev` is a valid device with vectors, hence MSI data.
    unsafe { bindings::pci_irq_vectors_silence(pdev.as_raw()) };
    trace::refuse(pdev, owner(pdev), refusal);
}

/// Has guard `id` stand for the vectors that were just allocated. INTx needs no guard.
pub(super) fn set_guard(pdev: &Device, id: GuardId) {
    if let (Some(node), Some(_)) = (node(pdev), live(pdev)) {
        node.set_guard(id);
    }
}

/// Tells whether the vectors that guard `id` stands for are still there.
pub(super) fn is_guarded(pdev: &Device, id: GuardId) -> bool {
    live(pdev).is_some() && node(pdev).is_some_and(|node| node.guard() == Some(id))
}

/// Frees the vectors that guard `id` stands for, whoever owns them, and no others. May sleep.
///
/// Returns whether they are gone. They are not when a handler is registered on one.
pub(super) fn free_guarded(pdev: &Device, id: GuardId) -> bool {
    let Some(node) = node(pdev).filter(|_| is_guarded(pdev, id)) else {
        return true;
    };
    if is_handled(pdev) {
        return false;
    }
    free(pdev, node.owner());
    node.remove_managed_entry(pdev);
    true
}

/// Makes the device the owner of the vectors that guard `id` stands for, if they are still there.
///
/// # Errors
///
/// `ENOMEM` when there is no memory. The vectors stay the driver's.
pub(super) fn manage_guarded(pdev: &Device, id: GuardId) -> Result {
    let Some(node) = node(pdev).filter(|_| is_guarded(pdev, id)) else {
        return Ok(());
    };
    add_managed_entry(pdev, node)?;
    trace::claim(pdev, DEVICE);
    Ok(())
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
mod tests;
