// SPDX-License-Identifier: GPL-2.0

//! The owner of a device's interrupt vectors.
//!
//! C headers: [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h),
//! [`drivers/pci/msi/ownership.h`](srctree/drivers/pci/msi/ownership.h)
//!
//! MSI and MSI-X vectors that are live have one owner. The driver owns what the `pci_*` calls
//! allocated and frees it; the device owns what the `pcim_*` calls allocated and frees it when the
//! driver is detached.
//!
//! | call                         | no vectors | driver's vectors | device's vectors |
//! |------------------------------|------------|------------------|------------------|
//! | `pci_alloc_irq_vectors()`... | driver's   | `EBUSY`          | `EBUSY`          |
//! | `pcim_alloc_irq_vectors()`...| device's   | `EBUSY`          | `EBUSY`          |
//! | `pci_free_irq_vectors()`...  | nothing    | freed            | refused          |
//! | `pcim_free_irq_vectors()`    | nothing    | refused          | freed            |
//! | detach                       | nothing    | reported, freed  | freed            |
//!
//! Nothing is freed while a handler is registered on one of the vectors: the call is refused and
//! reported. At detach there is nobody left to wait for: such handlers are reported and released.
//!
//! Whether vectors are live is what the device says, `msi_enabled` and `msix_enabled`. Whose they
//! are is what the device's *node* says, one devres entry that the first allocation registers
//! right after the MSI data of the device. Devres releases in reverse order, so the node comes
//! after every handler that was registered with devres since, and before the MSI data goes.
//!
//! `struct pci_dev` has a pointer to the node, because devres cannot find an entry while it
//! releases, and drivers free vectors from devres actions at that time. The pointer is set and
//! cleared together with the node and says nothing else.

use super::{
    affinity::IrqAffinity,
    binding::Wanted,
    devres::Entry,
    Device,
    IrqType, //
};
use crate::{
    bindings, container_of,
    error::to_result,
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex,
};
use core::{
    num::NonZero,
    ptr, //
};

/// Names one allocation that a Rust guard stands for; no two have the same.
pub(super) type GuardId = NonZero<u64>;

/// Who frees the vectors that are live.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The driver, explicitly.
    Driver,
    /// The device, when the driver is detached.
    Device,
}

/// What is known about the vectors that are live.
#[derive(Clone, Copy)]
struct Ownership {
    owner: Owner,
    /// The Rust guard of the allocation, if it has one.
    guard: Option<GuardId>,
}

impl Ownership {
    /// What an allocation is as soon as it succeeds, and what is kept while there is none.
    const EXPLICIT: Self = Self {
        owner: Owner::Driver,
        guard: None,
    };
}

/// The devres entry of a device that allocated vectors.
///
/// The mutex guards the answer to the question whose the vectors are. It is not held while they
/// are allocated or freed; as ever, a C driver serialises those calls, and [`super::binding`]
/// does it for Rust drivers.
#[pin_data]
struct Node {
    #[pin]
    ownership: Mutex<Ownership>,
}

impl Node {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ownership <- new_mutex!(Ownership::EXPLICIT, "pci_irq_vectors"),
        })
    }

    fn get(&self) -> Ownership {
        *self.ownership.lock()
    }

    fn set(&self, ownership: Ownership) {
        *self.ownership.lock() = ownership;
    }
}

/// Returns the node of the device, if vectors were ever allocated since the driver was bound.
fn node(pdev: &Device) -> Option<&Node> {
    // SAFETY: `pdev` is a valid device.
    let node = unsafe { (*pdev.as_raw()).irq_vectors }.cast::<Node>();
    // SAFETY: The pointer is null or points to the node, which clears it when it goes. Calls
    // about the vectors of a device do not race with that: its driver makes them, or somebody with
    // a reference that says that it is bound.
    unsafe { node.as_ref() }
}

/// Returns the type of the vectors that are live, if any are. INTx needs no vector and has no
/// owner.
pub(super) fn live(pdev: &Device) -> Option<IrqType> {
    if !cfg!(CONFIG_PCI_MSI) {
        return None;
    }
    let pdev = pdev.as_raw();
    // SAFETY: `pdev` is a valid device.
    if unsafe { bindings::pci_dev::msix_enabled_raw(pdev) } != 0 {
        return Some(IrqType::MsiX);
    }
    // SAFETY: `pdev` is a valid device.
    (unsafe { bindings::pci_dev::msi_enabled_raw(pdev) } != 0).then_some(IrqType::Msi)
}

/// Tells whether the driver's devres entries are being released, or are about to be.
///
/// The PCI core takes its driver pointer back when `remove()` has returned or `probe()` has
/// failed, the driver core only when devres is done.
pub(super) fn is_detaching(pdev: &Device) -> bool {
    let pdev = pdev.as_raw();
    // SAFETY: `pdev` is a valid device.
    unsafe { (*pdev).driver.is_null() && !(*pdev).dev.driver.is_null() }
}

/// Answers whether vectors may be allocated now, by any of the calls that do.
///
/// `more` says that the call adds a vector to those that are live, and leaves it to their owner.
///
/// # Errors
///
/// - `EBUSY` when vectors are live, whosever they are, and the call is not for more of them.
/// - `ENODEV` when the driver is being detached: nobody would free them.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
pub unsafe fn may_alloc(pdev: &Device, more: bool) -> Result {
    if !more && live(pdev).is_some() {
        return Err(EBUSY);
    }
    if is_detaching(pdev) {
        return Err(ENODEV);
    }
    Ok(())
}

/// Makes sure that the device has a node before it has vectors.
///
/// To be called after the MSI data of the device is registered, and for each allocation: until
/// somebody claims it, the allocation that follows is the driver's. May sleep.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
pub unsafe fn track(pdev: &Device) -> Result {
    if let Some(node) = node(pdev) {
        node.set(Ownership::EXPLICIT);
        return Ok(());
    }

    let entry = Entry::new(
        release,
        c"pci_irq_vectors_release",
        bindings::NUMA_NO_NODE,
        Node::new(),
    )?;
    let dev = pdev.as_ref();
    // The MSI data of the device was added right before; where that is released, this is.
    let node = entry.add(dev);
    // SAFETY: `pdev` is a valid device. The node clears the pointer when it is released.
    unsafe { (*pdev.as_raw()).irq_vectors = node.as_ptr().cast() };
    Ok(())
}

/// Frees what is left when the driver is detached, or when the devres group with the node goes.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`, `res` must be its [`Node`].
unsafe extern "C" fn release(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirements above.
    let raw = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: By the requirements above; `Device` is a transparent wrapper.
    let pdev = unsafe { &*raw.cast::<Device>() };
    let res = res.cast::<Node>();
    // SAFETY: By the requirements above.
    let node = unsafe { &*res };

    if let Some(irq_type) = live(pdev) {
        if node.get().owner == Owner::Driver {
            dev_err!(
                pdev,
                "irq vectors: {} vectors leaked by the driver, freed at detach\n",
                irq_type.name()
            );
        }
        if find_handler(pdev, 0).is_some() {
            contain(pdev);
        } else {
            free(pdev, node);
        }
    }

    // SAFETY: `raw` is a valid device, and the node goes now.
    unsafe { (*raw).irq_vectors = ptr::null_mut() };
    // SAFETY: The pointer to the node is gone, so nobody has a reference any more; devres frees
    // the memory without dropping what is in it.
    unsafe { ptr::drop_in_place(res) };
}

/// Frees the vectors, whosever they are, unless a handler is registered on one of them.
fn free(pdev: &Device, node: &Node) {
    let ownership = node.get();
    // What frees them asks `may_free()`, which refuses what the device owns.
    node.set(Ownership::EXPLICIT);
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_free_irq_vectors(pdev.as_raw()) };
    if live(pdev).is_some() {
        node.set(ownership);
    }
}

/// Returns a handler that is registered on one of the device's MSI or MSI-X vectors, or, unless
/// `irq` is 0, on that interrupt.
fn find_handler(pdev: &Device, irq: c_uint) -> Option<Handler> {
    #[cfg(CONFIG_PCI_MSI)]
    {
        let mut handler = bindings::pci_irq_handler::default();
        let found = if irq == 0 {
            // SAFETY: `pdev` is a valid device, and has MSI data as long as it has a node.
            unsafe { bindings::pci_irq_vectors_find_handler(pdev.as_raw(), &mut handler) }
        } else {
            // SAFETY: Any number will do.
            unsafe { bindings::pci_irq_find_handler(irq, &mut handler) }
        };
        found.then_some(Handler(handler))
    }
    #[cfg(not(CONFIG_PCI_MSI))]
    {
        let _ = (pdev, irq);
        None
    }
}

/// A handler that somebody registered, as it was when it was found.
struct Handler(bindings::pci_irq_handler);

impl Handler {
    /// Returns the name of its function; the name it was registered with may be freed by now.
    fn name(&self) -> &CStr {
        // SAFETY: The C side terminates the name.
        unsafe { CStr::from_char_ptr(self.0.name.as_ptr()) }
    }
}

/// Takes handlers and vectors away from a device whose driver is gone.
///
/// Otherwise both stay in the core for ever: the interrupts without a domain, the descriptors
/// without a device. What a handler uses may be gone already, so the device is silenced first.
#[cfg(CONFIG_PCI_MSI)]
fn contain(pdev: &Device) {
    let raw = pdev.as_raw();

    // SAFETY: `raw` is a valid device with vectors, hence MSI data.
    unsafe { bindings::pci_irq_vectors_quiesce(raw) };
    let mut last = None;
    while let Some(handler) = find_handler(pdev, 0) {
        let this = (handler.0.irq, handler.0.dev_id);
        if last.replace(this) == Some(this) {
            // genirq did not let go of it and has warned; nothing else is known to help.
            break;
        }
        dev_err!(
            pdev,
            "irq vectors: handler {} on irq {} leaked by the driver, released at detach\n",
            handler.name(),
            handler.0.irq
        );
        // SAFETY: The handler was just found; its driver is detached and does not free it.
        unsafe { bindings::pci_irq_release_handler(&handler.0) };
    }
    // SAFETY: `raw` is as above, and quiesced.
    unsafe { bindings::pci_irq_vectors_drop(raw) };
}

/// Without MSI there are no vectors to contain.
#[cfg(not(CONFIG_PCI_MSI))]
fn contain(_pdev: &Device) {}

/// Answers whether vectors that are live may be freed by one of the `pci_*` calls: the one with
/// interrupt `irq`, or all of them if that is 0.
///
/// A refusal is reported: the device owns the vectors, or a handler is registered on one. May
/// sleep.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
pub unsafe fn may_free(pdev: &Device, irq: c_uint) -> bool {
    let (Some(node), Some(irq_type)) = (node(pdev), live(pdev)) else {
        return true;
    };
    if irq == 0 && node.get().owner == Owner::Device {
        dev_err!(
            pdev,
            "irq vectors: free refused, the device owns the {} vectors until detach\n",
            irq_type.name()
        );
        return false;
    }

    let handler = find_handler(pdev, irq);
    if let Some(handler) = &handler {
        dev_err!(
            pdev,
            "irq vectors: free refused, handler {} is registered on irq {}\n",
            handler.name(),
            handler.0.irq
        );
    }
    handler.is_none()
}

/// Frees the vectors that the device owns before it is detached; nothing if there are none.
///
/// A refusal is reported: the driver owns the vectors, or a Rust guard stands for them. May sleep.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
pub unsafe fn free_managed(pdev: &Device) {
    let (Some(node), Some(irq_type)) = (node(pdev), live(pdev)) else {
        return;
    };
    let refused = match node.get() {
        Ownership {
            owner: Owner::Driver,
            ..
        } => "the driver owns",
        Ownership { guard: Some(_), .. } => "a Rust guard stands for",
        _ => return free(pdev, node),
    };
    dev_err!(
        pdev,
        "irq vectors: managed free refused, {} the {} vectors\n",
        refused,
        irq_type.name()
    );
}

/// Allocates vectors for `owner`.
///
/// # Safety
///
/// `affd` must be null or valid.
unsafe fn alloc(
    pdev: &Device,
    min_vecs: c_uint,
    max_vecs: c_uint,
    flags: c_uint,
    affd: *mut bindings::irq_affinity,
    ownership: Ownership,
) -> Result<c_int> {
    #[cfg(CONFIG_PCI_MSI)]
    // SAFETY: `pdev` is a valid device; the caller vouches for `affd`.
    let ret = unsafe {
        bindings::pci_alloc_irq_vectors_affinity(pdev.as_raw(), min_vecs, max_vecs, flags, affd)
    };
    #[cfg(not(CONFIG_PCI_MSI))]
    let ret = {
        let _ = affd;
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_alloc_irq_vectors(pdev.as_raw(), min_vecs, max_vecs, flags) }
    };
    to_result(ret)?;

    // No vectors were live when the call began, so the ones that are now are the ones it made.
    // It made none if the result is an INTx interrupt.
    if let (Some(node), Some(_)) = (node(pdev), live(pdev)) {
        node.set(ownership);
    }
    Ok(ret)
}

/// Allocates vectors that the device owns, for C drivers. May sleep.
///
/// Returns how many.
///
/// # Errors
///
/// As `pci_alloc_irq_vectors_affinity()`, and as [`may_alloc()`].
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `affd` must be null or valid.
pub unsafe fn alloc_managed(
    pdev: &Device,
    min_vecs: c_uint,
    max_vecs: c_uint,
    flags: c_uint,
    affd: *mut bindings::irq_affinity,
) -> Result<c_int> {
    let ownership = Ownership {
        owner: Owner::Device,
        guard: None,
    };
    // SAFETY: By the requirement above.
    unsafe { alloc(pdev, min_vecs, max_vecs, flags, affd, ownership) }
}

/// Allocates vectors that guard `id` stands for: the device owns them if `managed`, else the
/// guard does. May sleep.
///
/// Returns how many.
///
/// # Errors
///
/// As [`alloc_managed()`].
pub(super) fn alloc_guarded(
    pdev: &Device,
    managed: bool,
    id: GuardId,
    wanted: Wanted,
) -> Result<c_int> {
    let ownership = Ownership {
        owner: if managed {
            Owner::Device
        } else {
            Owner::Driver
        },
        guard: Some(id),
    };
    let mut affinity = wanted.affinity.map(IrqAffinity::into_raw);
    let affd = affinity.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let Wanted {
        min_vecs,
        max_vecs,
        flags,
        ..
    } = wanted;
    // SAFETY: `affd` is null or points to `affinity`.
    unsafe { alloc(pdev, min_vecs, max_vecs, flags, affd, ownership) }
}

/// Tells whether the vectors that guard `id` stands for are still there.
pub(super) fn is_guarded(pdev: &Device, id: GuardId) -> bool {
    live(pdev).is_some() && node(pdev).is_some_and(|node| node.get().guard == Some(id))
}

/// Frees the vectors that guard `id` stands for, and no others. May sleep.
///
/// Returns whether they are gone. They are not when a handler is registered on them.
pub(super) fn free_guarded(pdev: &Device, id: GuardId) -> bool {
    if let (true, Some(node)) = (is_guarded(pdev, id), node(pdev)) {
        free(pdev, node);
    }
    !is_guarded(pdev, id)
}

/// Makes the device the owner of the vectors that guard `id` stands for, if they are still there.
pub(super) fn manage_guarded(pdev: &Device, id: GuardId) {
    if let (true, Some(node)) = (is_guarded(pdev, id), node(pdev)) {
        node.set(Ownership {
            owner: Owner::Device,
            guard: Some(id),
        });
    }
}
