// SPDX-License-Identifier: GPL-2.0

//! Who frees the interrupt vectors of a PCI device, and when.
//!
//! C headers: [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h),
//! [`drivers/pci/msi/ownership.h`](srctree/drivers/pci/msi/ownership.h)
//!
//! MSI and MSI-X vectors are *live* from their allocation until they are freed. Live vectors have
//! one owner. The driver owns what the `pci_*` calls allocated, and frees it. The device owns what
//! the `pcim_*` calls allocated: devres frees it when the driver is *detached*, that is, unbound
//! from the device. An INTx interrupt has no owner, and `pcim_enable_device()` has no part in this.
//!
//! | call                          | no vectors | the driver owns     | the device owns |
//! |-------------------------------|------------|---------------------|-----------------|
//! | `pci_alloc_irq_vectors()`     | driver's   | `EBUSY`             | `EBUSY`         |
//! | `pcim_alloc_irq_vectors()`    | device's   | `EBUSY`             | `EBUSY`         |
//! | `pci_free_irq_vectors()`      | nothing    | freed (1)           | refused         |
//! | `pcim_free_irq_vectors()`     | nothing    | refused             | freed (1)       |
//! | release of the devres group   | nothing    | stay                | freed           |
//! | of the allocation             |            |                     |                 |
//! | release of the devres group   | nothing    | reported and freed  | freed           |
//! | with the MSI data             |            |                     |                 |
//! | detach                        | nothing    | reported and freed  | freed           |
//!
//! The older calls `pci_enable_msi()`, `pci_enable_msix_range()`, `pci_disable_msi()` and
//! `pci_disable_msix()` are like those of the driver in the table. The *MSI data* of a device are
//! its MSI descriptors and domains, `msi_setup_device_data()`. They are a devres entry, and vectors
//! cannot outlive them. A *Rust guard* is a value that holds vectors of either owner:
//! [`super::IrqVectorRegistration`] those of the driver, [`super::ManagedIrqVectors`] those of the
//! device.
//!
//! - **(1) A free by the owner** is refused while a handler is registered on one of the vectors.
//!   `pcim_free_irq_vectors()` is also refused while a Rust guard holds them.
//! - **A refused free silences the device**: it cannot use the vectors any more until they are
//!   freed and allocated anew. A caller that frees expects no interrupt after the call, because it
//!   frees its data or powers the device down next.
//! - **When devres releases the MSI data**, at detach or with a group, everything goes. No driver
//!   code is left that could call `free_irq()`, so handlers that are still registered are reported
//!   and released first. The `containment` module does that. Nothing is allocated during detach:
//!   `ENODEV`.
//! - **A single MSI-X vector** that `pci_msix_alloc_irq_at()` adds belongs to the owner of the
//!   others. `pci_msix_free_irq()` frees it whoever owns it, unless a handler is registered on it.
//! - **Refusals and leaks** are logged with `dev_err()`, one line each. With
//!   `CONFIG_PCI_DEVRES_RUST_DEBUG` a warning shows the callers of the first of each kind. The
//!   trace events `pci_irq_vectors:*` record the decisions, and `pci_irq_vectors` in debugfs lists
//!   the owners.
//! - **A Rust guard** frees as the owner. After a free by C code it finds that its allocation is
//!   gone.
//!
//! # What is kept
//!
//! `msi_enabled` and `msix_enabled` of the device say whether vectors are live. Devres entries say
//! whose they are:
//!
//! - The first attempt to allocate vectors after the driver is bound adds the MSI data of the
//!   device, and directly after it a [`Node`], which C calls `struct pci_irq_vectors`. Devres
//!   releases the node directly before that data. Vectors that are live then are freed, whoever
//!   owns them. Both go at detach, or earlier with the devres group in which they were added.
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
//! `devres_lock`. A reset on another CPU may read the MSI descriptors to restore the state of the
//! device: `msi_lock` (MSI) or `msi_descs_lock` (MSI-X) keeps them from being freed meanwhile.
//!
//! Locks nest in this order: `device_lock()`, the lock of the registry, `msi_descs_lock`, the
//! lock of an interrupt's descriptor, `msi_lock`. The `devres_lock` is innermost. It nests in
//! `msi_descs_lock` where a driver adds entries under that one, as `ntb_msi` does.
//!
//! # Who calls
//!
//! The MSI core calls the exported functions of this file, see `drivers/pci/msi/api.c`. *The caller
//! must be the MSI core* means that the device is valid and that its driver makes one such call at
//! a time.
//!
//! - An allocation: `pci_irq_vectors_may_alloc()`, then `pci_irq_vectors_prepare()` from within the
//!   MSI core, and `pci_irq_vectors_did_alloc()`.
//! - A free: `pci_irq_vectors_free_of()`.
//! - `pci_msix_alloc_irq_at()`: `pci_irq_vectors_may_add()`.
//! - `pci_msix_free_irq()`: `pci_irq_vectors_free_one()`.
//! - Devres: `release_managed()` and `release_node()`.

mod containment;
mod state;

pub(super) use self::state::live;
pub(super) use self::state::GuardId;
use self::{
    containment::{
        contain,
        Handler, //
    },
    state::{
        device_of,
        is_detaching,
        node,
        report,
        silence,
        trace,
        Decision,
        Node,
        Owner,
        ALLOCATED,
        CLAIMED,
        DEVICE,
        DRIVER,
        FREED,
        FREED_ONE,
        REFUSED_BUSY,
        REFUSED_DETACHING,
        REFUSED_DEVICE_OWNS,
        REFUSED_DRIVER_OWNS,
        REFUSED_GUARD,
        REFUSED_HANDLER, //
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

/// Returns 0, or `-ENODEV` while the driver is being detached, when nobody would free the vectors.
fn refuse_if_detaching(pdev: &Device) -> c_int {
    if !is_detaching(pdev) {
        return 0;
    }
    trace(pdev, REFUSED_DETACHING);
    ENODEV.to_errno()
}

/// Returns 0 if vectors may be allocated, `-EBUSY` while any are live, `-ENODEV` once the driver is
/// being detached, or `-EINVAL` for a null `dev`. May sleep.
///
/// # Safety
///
/// `dev` must be null or valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_may_alloc(dev: *mut bindings::pci_dev) -> c_int {
    if dev.is_null() {
        return EINVAL.to_errno();
    }
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    if live(pdev).is_some() {
        report(pdev, REFUSED_BUSY);
        trace(pdev, REFUSED_BUSY);
        return EBUSY.to_errno();
    }
    refuse_if_detaching(pdev)
}

/// Returns 0 if a vector may be added to those that are live, or `-ENODEV` once the driver is being
/// detached. May sleep.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_may_add(dev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: The caller says that the device is valid.
    refuse_if_detaching(unsafe { device_of(dev) })
}

/// Gives the device MSI data and a node if it has none. The MSI core calls this before vectors are
/// allocated. May sleep.
///
/// The node is allocated first. If the data were added and the node failed, a later call would add
/// the node elsewhere on the list of devres, and a group with the data alone could be released
/// under live vectors.
///
/// Returns 0 or a negative errno, mostly `-ENOMEM`.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_prepare(dev: *mut bindings::pci_dev) -> c_int {
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

/// Makes `owner` the owner of the `nvecs` vectors that were just allocated. May sleep.
///
/// An errno in `nvecs` says that there are none.
///
/// Returns `nvecs`, also for an INTx interrupt, or `-ENOMEM` after it has freed the vectors again.
///
/// # Safety
///
/// `dev` must be valid if `nvecs` is positive, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_did_alloc(
    dev: *mut bindings::pci_dev,
    nvecs: c_int,
    owner: Owner,
) -> c_int {
    if nvecs <= 0 {
        return nvecs;
    }
    // SAFETY: The caller says that the device is valid.
    let pdev = unsafe { device_of(dev) };
    let (Some(node), Some(_)) = (node(pdev), live(pdev)) else {
        return nvecs;
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
    trace(pdev, ALLOCATED);
    nvecs
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

// --- The driver frees -------------------------------------------------------------------------

/// Frees the vectors, if any are live, or refuses that and silences the device. May sleep.
///
/// `pci_free_irq_vectors()` and its kin free the vectors of `DRIVER`, and `pcim_free_irq_vectors()`
/// those of `DEVICE`, of which no Rust guard may hold any. No free is granted while a handler is
/// registered on one of the vectors.
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
        (DRIVER, DEVICE) => Some(REFUSED_DEVICE_OWNS),
        (DEVICE, DRIVER) => Some(REFUSED_DRIVER_OWNS),
        (DEVICE, _) if node.guard().is_some() => Some(REFUSED_GUARD),
        _ => None,
    };
    if let Some(refusal) = refusal {
        report(pdev, refusal);
        silence_after(pdev, refusal);
    } else {
        free_unless_handled(pdev, node);
    }
}

/// Frees the vectors unless a handler is registered on one, and returns whether they are freed.
fn free_unless_handled(pdev: &Device, node: &Node) -> bool {
    if let Some(handler) = Handler::find(pdev) {
        handler.report_refused(pdev);
        silence_after(pdev, REFUSED_HANDLER);
        return false;
    }
    free_vectors(pdev);
    remove_managed_entry(pdev, node);
    true
}

/// Frees the vectors. No handler may be registered on them.
fn free_vectors(pdev: &Device) {
    trace(pdev, FREED);
    // SAFETY: `pdev` is a valid device with vectors and without handlers.
    unsafe { bindings::pci_irq_vectors_free(pdev.as_raw()) };
}

/// Silences the device after a refusal of a free, which the caller has reported.
#[cold]
fn silence_after(pdev: &Device, refusal: Decision) {
    silence(pdev);
    trace(pdev, refusal);
}

/// Decides about the free of one MSI-X vector, that at `index` of the table. May sleep.
///
/// Returns `true` if `pci_msix_free_irq()` is to free it, whoever owns the others. While a handler
/// is registered on the vector, the free is refused and the vector masked.
///
/// # Safety
///
/// `dev` must be valid, and the caller must be the MSI core.
#[export]
unsafe extern "C" fn pci_irq_vectors_free_one(dev: *mut bindings::pci_dev, index: c_uint) -> bool {
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
        trace(pdev, REFUSED_HANDLER);
        return false;
    }
    trace(pdev, FREED_ONE);
    true
}

/// Removes the entry that frees the vectors from devres without running its release, once they are
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
/// This function has no requirements. It is unsafe because `dr_match_t` is.
unsafe extern "C" fn is_entry(
    _dev: *mut bindings::device,
    entry: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    (entry == wanted).into()
}

// --- Devres releases entries: at detach, or with a group ----------------------------------------

/// Frees the vectors of the entry, when devres releases it.
///
/// The entry may be stale. While a devres group is released, a devm action of the driver can free
/// the vectors and allocate others, which have another entry.
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
    if live(pdev).is_none() {
        return;
    }
    if node.owner() == DRIVER || Handler::find(pdev).is_some() {
        contain(pdev, node);
    } else {
        free_vectors(pdev);
    }
}

// --- A Rust guard holds vectors -----------------------------------------------------------------

/// Records that guard `id` holds the vectors that were just allocated, which are live.
pub(super) fn set_guard(pdev: &Device, id: GuardId) {
    if let Some(node) = node(pdev) {
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

/// Makes the device the owner of the vectors that guard `id` holds.
///
/// # Errors
///
/// - `ENODEV` when something else than the guard has freed the vectors.
/// - `ENOMEM` when there is no memory. The driver still owns the vectors then.
pub(super) fn manage_guarded(pdev: &Device, id: GuardId) -> Result {
    add_managed_entry(pdev, guarded_node(pdev, id).ok_or(ENODEV)?)?;
    trace(pdev, CLAIMED);
    Ok(())
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
mod tests;
