// SPDX-License-Identifier: GPL-2.0

//! Who frees the interrupt vectors of a PCI device, and when.
//!
//! C headers: [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h),
//! [`drivers/pci/msi/ownership.h`](srctree/drivers/pci/msi/ownership.h)
//!
//! MSI and MSI-X vectors that are live have one owner. The driver owns what the `pci_*` calls
//! allocated, and frees it. The device owns what the `pcim_*` calls allocated: devres frees it when
//! the driver is detached. An INTx interrupt has no owner, and `pcim_enable_device()` has no part
//! in this.
//!
//! | call                          | no vectors | the driver owns     | the device owns |
//! |-------------------------------|------------|---------------------|-----------------|
//! | `pci_alloc_irq_vectors()`...  | driver's   | `EBUSY`             | `EBUSY`         |
//! | `pcim_alloc_irq_vectors()`... | device's   | `EBUSY`             | `EBUSY`         |
//! | `pci_free_irq_vectors()`...   | nothing    | freed, or refused   | refused         |
//! | `pcim_free_irq_vectors()`     | nothing    | refused             | freed, or       |
//! |                               |            |                     | refused         |
//! | release of the devres group   | nothing    | stay, if the MSI    | freed           |
//! | of the allocation             |            | data stays          |                 |
//! | detach                        | nothing    | reported and freed  | freed           |
//!
//! - **"Freed, or refused"** is a free by the owner. It is refused while a handler is registered on
//!   one of the vectors. `pcim_free_irq_vectors()` is also refused while a Rust value holds them.
//! - **A refused free silences the device**: it cannot use the vectors any more until they are
//!   freed and allocated anew. A caller that frees expects no interrupt after the call, because it
//!   frees its data or powers the device down next.
//! - **At detach**, and with the MSI data, everything goes. No driver code is left that could call
//!   `free_irq()`, so handlers that are still registered are reported and released first. The
//!   `containment` module does that. Nothing is allocated during detach: `ENODEV`.
//! - **A single MSI-X vector** that `pci_msix_alloc_irq_at()` adds belongs to the owner of the
//!   others. `pci_msix_free_irq()` frees it whoever owns it, unless a handler is registered on it.
//! - **Refusals and leaks** are logged with `dev_err()`, one line each. With
//!   `CONFIG_PCI_DEVRES_RUST_DEBUG` a warning shows the callers of the first of each kind. The
//!   trace events `pci_irq_vectors:*` record the decisions, and `pci_irq_vectors` in debugfs lists
//!   the owners.
//! - **A Rust value** can hold vectors of either owner: [`super::IrqVectorRegistration`] those of
//!   the driver, [`super::ManagedIrqVectors`] those of the device. Its own free is a free by the
//!   owner. After any other free by C code it finds that its allocation is gone.
//!
//! # What is kept
//!
//! `msi_enabled` and `msix_enabled` of the device say whether vectors are live. Devres entries say
//! whose they are:
//!
//! - The first allocation after the driver is bound adds a [`Node`], directly after the MSI data of
//!   the device. Devres releases it directly before that data. Vectors that are live then are
//!   freed, whoever owns them. The MSI data goes at detach, or earlier with the devres group in
//!   which the first allocation was made.
//! - A managed allocation adds an entry of its own, which frees the vectors when devres releases
//!   it. That is after everything that the driver added later, such as handlers, and together with
//!   the devres group in which the allocation was made. The node has a pointer to that entry, which
//!   is null while the driver owns the vectors.
//! - `struct pci_dev` has a pointer to the node. `devres_find()` does not find entries that are
//!   being released, and drivers free vectors from devm actions at that time.
//!
//! # Who serialises
//!
//! The caller does. A driver serialises allocating and freeing the vectors of its device, as the
//! MSI API has always required, so nothing in here takes a lock for that. Rust code is serialised
//! by the lock of [`super::registry`]. Debugfs reads the node concurrently, under the device's
//! `devres_lock`. A reset restores the state of the device concurrently: `msi_lock` (MSI) or
//! `msi_descs_lock` (MSI-X) keeps the descriptors for it.
//!
//! Locks nest in this order: the device's lock, the lock of the registry, `msi_descs_lock`, the
//! lock of an interrupt's descriptor, `msi_lock`. The `devres_lock` nests in `msi_descs_lock`, and
//! nothing nests in the `devres_lock`.

mod containment;
mod state;

pub(super) use self::state::{
    live,
    GuardId, //
};
use self::{
    containment::{
        contain,
        Handler, //
    },
    state::{
        device_of,
        is_detaching,
        node,
        owner,
        report_refused,
        silence,
        trace,
        Decision,
        Node,
        Owner,
        ADDED,
        ALLOCATED,
        BUSY,
        CLAIMED,
        DETACHING,
        DEVICE,
        DEVICE_OWNS,
        DRIVER,
        DRIVER_OWNS,
        FREED,
        FREED_ONE,
        GUARD,
        HANDLER, //
    },
};
use super::{
    entry::DevresEntry,
    Device, //
};
use crate::{
    bindings,
    container_of,
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    prelude::*, //
};
use core::{
    num::NonZero,
    ptr, //
};

// --- The driver allocates ---------------------------------------------------------------------

/// Returns an error if the driver is being detached, when nobody would free the vectors.
///
/// # Errors
///
/// `ENODEV` when the driver is being detached.
fn refuse_if_detaching(pdev: &Device) -> Result {
    if is_detaching(pdev) {
        trace(pdev, owner(pdev), DETACHING);
        return Err(ENODEV);
    }
    Ok(())
}

/// Returns whether vectors may be allocated: 0, `-EBUSY` while any are live, or `-ENODEV` once the
/// driver is being detached.
///
/// Returns 0 for a null `dev`, which the MSI core rejects later.
///
/// # Safety
///
/// `dev` must be null or valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_may_alloc(dev: *mut bindings::pci_dev) -> c_int {
    if dev.is_null() {
        return 0;
    }
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if live(pdev).is_some() {
        let owner = owner(pdev);
        report_refused(pdev, owner, BUSY);
        trace(pdev, owner, BUSY);
        return EBUSY.to_errno();
    }
    refuse_if_detaching(pdev).map_or_else(Error::to_errno, |()| 0)
}

/// Returns whether a vector may be added to those that are live: 0, or `-ENODEV` once the driver is
/// being detached.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_may_add(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: The caller says that the device is valid.
    refuse_if_detaching(unsafe { device_of(dev) }).map_or_else(Error::to_errno, |()| 0)
}

/// Gives the device MSI data and a node if it has none. The MSI core calls this before vectors are
/// allocated. May sleep.
///
/// The node must come directly after the MSI data on the list of devres. So its memory is there
/// before the data is set up: data without a node could be in a devres group in which the node of a
/// later allocation is not.
///
/// Returns 0 or a negative errno, mostly `-ENOMEM`.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_track(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if node(pdev).is_some() {
        return 0;
    }
    // SAFETY: `release_node()` accepts the entry of any PCI device.
    let entry = unsafe {
        DevresEntry::new(
            release_node,
            c"pci_irq_vectors_release",
            bindings::NUMA_NO_NODE,
            Node::new(),
        )
    };
    let entry = match entry {
        Ok(entry) => entry,
        Err(e) => return e.to_errno(),
    };
    // SAFETY: `pdev` is a valid device.
    let ret = unsafe { bindings::msi_setup_device_data(pdev.as_ref().as_raw()) };
    if ret != 0 {
        return ret;
    }
    let node = entry.add_to(pdev.as_ref()).as_ptr();
    // SAFETY: `dev` is a valid device. The node is there until `release_node()` clears the pointer.
    unsafe { bindings::pci_irq_vectors_set_node(dev, node.cast()) };
    0
}

/// Makes `owner` the owner of vectors that were just allocated. May sleep.
///
/// Returns 0, also for an INTx interrupt, or `-ENOMEM`. Then the vectors are freed again.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_did_alloc(dev: *mut bindings::pci_dev, owner: Owner) -> c_int {
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
    trace(pdev, owner, ALLOCATED);
    0
}

/// Adds the entry that makes the device the owner of the vectors that are live.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
fn add_managed_entry(pdev: &Device, node: &Node) -> Result {
    // SAFETY: `release_managed()` accepts the entry of any PCI device.
    let entry = unsafe {
        DevresEntry::new(
            release_managed,
            c"pcim_irq_vectors_release",
            bindings::NUMA_NO_NODE,
            (),
        )
    }?;
    node.set_managed_entry(entry.add_to(pdev.as_ref()).as_ptr().cast());
    Ok(())
}

/// Traces that one vector was added. It belongs to the owner of the existing vectors.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_did_add(dev: *mut bindings::pci_dev) {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    trace(pdev, owner(pdev), ADDED);
}

// --- The driver frees -------------------------------------------------------------------------

/// Frees the vectors, if any are live, for a call that frees those of `owner`. May sleep.
///
/// The free is refused if somebody else owns the vectors or a handler is registered on one, and for
/// `pcim_free_irq_vectors()` also if a Rust guard holds them. Then the device is silenced.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_free_of(dev: *mut bindings::pci_dev, owner: Owner) {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let Some(node) = node(pdev).filter(|_| live(pdev).is_some()) else {
        return;
    };
    let refusal = match (owner, node.owner()) {
        (DRIVER, DEVICE) => DEVICE_OWNS,
        (DEVICE, DRIVER) => DRIVER_OWNS,
        (DEVICE, _) if node.guard().is_some() => GUARD,
        _ => {
            free_unless_handled(pdev, node);
            return;
        }
    };
    report_refused(pdev, node.owner(), refusal);
    refuse_free(pdev, node, refusal);
}

/// Frees the vectors unless a handler is registered on one, and returns whether they are freed.
fn free_unless_handled(pdev: &Device, node: &Node) -> bool {
    if let Some(handler) = Handler::find(pdev) {
        handler.report_refused(pdev);
        refuse_free(pdev, node, HANDLER);
        return false;
    }
    free_vectors(pdev, node.owner());
    remove_managed_entry(pdev, node);
    true
}

/// Frees the vectors. No handler may be registered on them.
fn free_vectors(pdev: &Device, owner: Owner) {
    trace(pdev, owner, FREED);
    // SAFETY: `pdev` is a valid device with vectors and without handlers.
    unsafe { bindings::pci_irq_vectors_free(pdev.as_raw()) };
}

/// Silences the device after a free was refused, which the caller has logged.
#[cold]
fn refuse_free(pdev: &Device, node: &Node, refusal: Decision) {
    silence(pdev);
    trace(pdev, node.owner(), refusal);
}

/// Returns whether `pci_msix_free_irq()` may free the MSI-X vector at `index` of the table. It may,
/// whoever owns the others. May sleep.
///
/// The free is refused while a handler is registered on the vector. Then the vector is masked.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_may_free_one(
    dev: *mut bindings::pci_dev,
    index: c_uint,
) -> bool {
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let (dev, domain) = (
        pdev.as_ref().as_raw(),
        bindings::msi_domain_ids_MSI_DEFAULT_DOMAIN,
    );
    // SAFETY: `dev` is a valid device.
    let irq = unsafe { bindings::msi_domain_get_virq(dev, domain, index) };
    let Some(irq) = NonZero::new(irq) else {
        // There is no such vector, and the MSI core will find nothing to free.
        return true;
    };
    if let Some(handler) = Handler::find_on(irq) {
        handler.report_refused(pdev);
        // SAFETY: `pdev` is a valid device with vectors, hence MSI data.
        unsafe { bindings::pci_irq_vectors_silence_one(pdev.as_raw(), irq.get()) };
        trace(pdev, owner(pdev), HANDLER);
        return false;
    }
    trace(pdev, owner(pdev), FREED_ONE);
    true
}

/// Removes the entry that owns the vectors from devres without running its release, once they are
/// freed.
///
/// Nothing is removed if devres is already releasing the entry. Then `release_managed()` sees that
/// it is stale.
fn remove_managed_entry(pdev: &Device, node: &Node) {
    let entry = node.managed_entry();
    node.reset();
    if entry.is_null() {
        return;
    }
    // SAFETY: `pdev` is a valid device. `is_entry()` takes the address of an entry.
    unsafe {
        bindings::devres_destroy(
            pdev.as_ref().as_raw(),
            Some(release_managed),
            Some(is_entry),
            entry,
        )
    };
}

/// Matches the devres entry at the address `wanted`.
///
/// # Safety
///
/// There are none. `dr_match_t` is a type of unsafe functions.
unsafe extern "C" fn is_entry(
    _dev: *mut bindings::device,
    entry: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    (entry == wanted).into()
}

// --- Devres releases entries: at detach, or with a group ----------------------------------------

/// Frees the vectors that the entry owns, when devres releases it.
///
/// The entry may be stale. While a devres group is released, a devm action of the driver can free
/// the vectors and allocate others, which another entry owns.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`.
unsafe extern "C" fn release_managed(dev: *mut bindings::device, entry: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`, which is valid.
    let pdev = unsafe { device_of(container_of!(dev, bindings::pci_dev, dev)) };
    if let Some(node) = node(pdev).filter(|node| node.managed_entry() == entry) {
        free_at_release(pdev, node);
        node.reset();
    }
}

/// Frees the vectors that remain when the driver is detached, or when the devres group with the MSI
/// data is released.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`.
unsafe extern "C" fn release_node(dev: *mut bindings::device, _node: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`, which is valid.
    let pdev = unsafe { device_of(container_of!(dev, bindings::pci_dev, dev)) };
    if let Some(node) = node(pdev) {
        free_at_release(pdev, node);
    }
    // SAFETY: `pdev` is a valid device. Nobody can get at the node after this.
    unsafe { bindings::pci_irq_vectors_set_node(pdev.as_raw(), ptr::null_mut()) };
}

/// Frees the vectors, if any are live, because devres is releasing an entry: that of a managed
/// allocation, or the node, after which the MSI data goes.
fn free_at_release(pdev: &Device, node: &Node) {
    let owner = node.owner();
    if live(pdev).is_none() {
        return;
    }
    if owner == DRIVER || Handler::find(pdev).is_some() {
        contain(pdev, node);
    } else {
        free_vectors(pdev, owner);
    }
}

// --- A Rust guard holds vectors -----------------------------------------------------------------

/// Records that guard `id` holds the vectors that were just allocated. INTx needs no guard.
pub(super) fn set_guard(pdev: &Device, id: GuardId) {
    if let (Some(node), Some(_)) = (node(pdev), live(pdev)) {
        node.set_guard(id);
    }
}

/// Returns the node if guard `id` still holds the vectors that are live.
fn guarded_node(pdev: &Device, id: GuardId) -> Option<&Node> {
    live(pdev)?;
    node(pdev).filter(|node| node.guard() == Some(id))
}

/// Returns whether the vectors that guard `id` holds are still there.
pub(super) fn is_guarded(pdev: &Device, id: GuardId) -> bool {
    guarded_node(pdev, id).is_some()
}

/// Frees the vectors that guard `id` holds, whoever owns them, and no others. May sleep.
///
/// Returns whether they are gone; they are not if a handler is registered on one.
pub(super) fn free_guarded(pdev: &Device, id: GuardId) -> bool {
    guarded_node(pdev, id).is_none_or(|node| free_unless_handled(pdev, node))
}

/// Makes the device the owner of the vectors that guard `id` holds, if they are still there.
///
/// # Errors
///
/// `ENOMEM` when there is no memory. The driver still owns the vectors then.
pub(super) fn manage_guarded(pdev: &Device, id: GuardId) -> Result {
    let Some(node) = guarded_node(pdev, id) else {
        return Ok(());
    };
    add_managed_entry(pdev, node)?;
    trace(pdev, DEVICE, CLAIMED);
    Ok(())
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
mod tests;
