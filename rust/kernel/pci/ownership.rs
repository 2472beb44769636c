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
//!
//! Refusals and leaks are reported, one line each, by the device; with
//! `CONFIG_PCI_DEVRES_RUST_DEBUG` a warning shows who called. The trace events
//! `pci_irq_vectors:*` record all that is decided here, and `pci_irq_vectors` in debugfs lists
//! whose vectors are whose.

use super::{
    irq_types::IrqType,
    Device, //
};
use crate::{
    bindings,
    container_of,
    error::to_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque,
    warn_on, //
};
use core::{
    mem::{
        align_of,
        size_of, //
    },
    num::NonZero,
    ptr, //
};

/// Names one allocation that a Rust guard stands for; no two have the same.
pub(super) type GuardId = NonZero<u64>;

/// Reports what a driver did wrong. Tests and people count these lines: their wording is stable.
macro_rules! report {
    ($pdev:expr, $($message:tt)*) => {{
        dev_err!($pdev, $($message)*);
        warn_on!(cfg!(CONFIG_PCI_DEVRES_RUST_DEBUG));
    }};
}

/// Who frees the vectors that are live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner {
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
    /// What an allocation is as soon as it succeeds.
    const EXPLICIT: Self = Self {
        owner: Owner::Driver,
        guard: None,
    };

    /// Packs it into one word: the guard, and the owner in the lowest bit.
    ///
    /// No guard has an id so high that its top bit got lost; it would never be recognised.
    fn to_word(self) -> u64 {
        self.guard.map_or(0, NonZero::get) << 1 | u64::from(self.owner == Owner::Device)
    }

    fn from_word(word: u64) -> Self {
        Self {
            owner: if word & 1 == 0 {
                Owner::Driver
            } else {
                Owner::Device
            },
            guard: NonZero::new(word >> 1),
        }
    }
}

/// The devres entry of a device that allocated vectors.
///
/// It answers whose the vectors are, and is read and written as one word. Neither that nor a lock
/// would keep the answer true while vectors are allocated or freed: as ever, a C driver serialises
/// those calls, and [`super::binding`] does it for Rust drivers.
///
/// Its memory is part of `struct pci_dev`, so that registering it takes none and cannot fail.
#[repr(C)]
struct Node {
    devres: Opaque<bindings::devres_node>,
    ownership: Atomic<u64>,
}

impl Node {
    /// Makes it the node of vectors that nobody has claimed; its devres part is for devres.
    ///
    /// # Safety
    ///
    /// `node` must be valid for writes, and nobody may have a reference to it.
    #[inline]
    unsafe fn init(node: *mut Self) {
        let word = Ownership::EXPLICIT.to_word();
        // SAFETY: By the requirement above.
        unsafe { (&raw mut (*node).ownership).write(Atomic::new(word)) };
    }

    fn get(&self) -> Ownership {
        Ownership::from_word(self.ownership.load(Relaxed))
    }

    fn set(&self, ownership: Ownership) {
        self.ownership.store(ownership.to_word(), Relaxed);
    }

    /// Returns where the node of the device is if it has one.
    fn memory(pdev: &Device) -> *mut Self {
        const {
            assert!(size_of::<Self>() <= size_of::<[u64; 7]>());
            assert!(align_of::<Self>() <= align_of::<u64>());
        }
        // SAFETY: `pdev` is a valid device.
        let memory: *mut [u64; 7] = unsafe { &raw mut (*pdev.as_raw()).irq_vectors_node };
        memory.cast()
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
#[inline]
fn is_detaching(pdev: &Device) -> bool {
    // SAFETY: `pdev` is a valid device.
    !is_driven(pdev) && !unsafe { (*pdev.as_raw()).dev.driver.is_null() }
}

/// Tells whether the device has a driver that is not being detached.
///
/// A reference to a bound device says so too. But it may be one that the driver of a child has whose
/// registration was forgotten: that child stays when the device has no driver any more, or another
/// one.
#[inline]
pub(super) fn is_driven(pdev: &Device) -> bool {
    // SAFETY: `pdev` is a valid device.
    !unsafe { (*pdev.as_raw()).driver.is_null() }
}

/// Returns who frees the vectors that are live, if any are, and whether a Rust guard stands for
/// them.
///
/// # Safety
///
/// The node of the device must stay until this returns, if it has one.
#[inline]
pub unsafe fn owner(pdev: &Device) -> Option<(Owner, bool)> {
    live(pdev)?;
    let Ownership { owner, guard } = node(pdev)?.get();
    Some((owner, guard.is_some()))
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
#[inline]
pub unsafe fn may_alloc(pdev: &Device, more: bool) -> Result {
    if !more && live(pdev).is_some() {
        trace::refuse(pdev, Refusal::Busy);
        return Err(EBUSY);
    }
    if is_detaching(pdev) {
        trace::refuse(pdev, Refusal::Detaching);
        return Err(ENODEV);
    }
    Ok(())
}

/// Makes sure that the device has a node before it has vectors.
///
/// To be called after the MSI data of the device is registered. May sleep.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn track(pdev: &Device) {
    // Of earlier vectors; the domain may be gone since.
    // SAFETY: `pdev` is a valid device, and has no vectors whose message somebody else could write.
    unsafe { (*pdev.as_raw()).irq_vectors_domain = ptr::null_mut() };
    if node(pdev).is_some() {
        return;
    }

    let memory = Node::memory(pdev);
    // SAFETY: The device has no node, so the memory for it is nobody's. Its last node, if there
    // was one, has been released.
    unsafe { Node::init(memory) };
    let devres: *mut bindings::devres_node = memory.cast();
    // SAFETY: `devres` is the first field, to be initialised; both functions have the signatures
    // that devres asks for.
    unsafe { bindings::devres_node_init(devres, Some(release), Some(free_memory)) };
    // SAFETY: Just initialised; the name lives for ever.
    unsafe {
        bindings::devres_set_node_dbginfo(
            devres,
            c"pci_irq_vectors_release".as_char_ptr(),
            size_of::<Node>(),
        )
    };
    // The MSI data of the device was added right before; where that is released, this is.
    // SAFETY: The node is initialised, on no list, and part of a device that outlives its devres
    // list.
    unsafe { bindings::devres_node_add(pdev.as_ref().as_raw(), devres) };
    publish(pdev, memory);
}

/// Sets the pointer to the node of the device.
#[inline]
fn publish(pdev: &Device, node: *mut Node) {
    #[cfg(CONFIG_PCI_MSI)]
    // SAFETY: `pdev` is a valid device without a node. The node withdraws the pointer when it is
    // released.
    unsafe {
        bindings::pci_irq_vectors_publish(pdev.as_raw(), node.cast())
    };
    #[cfg(not(CONFIG_PCI_MSI))]
    let _ = (pdev, node);
}

/// Clears it, once nobody lists the device in debugfs.
#[inline]
fn withdraw(pdev: &Device) {
    #[cfg(CONFIG_PCI_MSI)]
    // SAFETY: `pdev` is a valid device.
    unsafe {
        bindings::pci_irq_vectors_withdraw(pdev.as_raw())
    };
    #[cfg(not(CONFIG_PCI_MSI))]
    let _ = pdev;
}

/// Makes vectors that have just been allocated the driver's, until somebody claims them.
///
/// `more` says that the `count` vectors were added to others, and have the owner of those.
///
/// # Safety
///
/// The caller must be the MSI core, and make one call at a time.
#[inline]
pub unsafe fn did_alloc(pdev: &Device, count: c_uint, more: bool) {
    if let Some(node) = node(pdev) {
        if !more {
            node.set(Ownership::EXPLICIT);
        }
        trace::alloc(pdev, node.get().owner, count);
    }
}

/// Frees what is left when the driver is detached, or when the devres group with the node goes.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`, `devres` must be in its [`Node`].
unsafe extern "C" fn release(dev: *mut bindings::device, devres: *mut bindings::devres_node) {
    // SAFETY: By the requirements above.
    let raw = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: By the requirements above; `Device` is a transparent wrapper.
    let pdev = unsafe { &*raw.cast::<Device>() };
    // SAFETY: By the requirements above; `devres` is the first field.
    let owner = unsafe { &*devres.cast::<Node>() }.get().owner;

    if live(pdev).is_some() && (owner == Owner::Driver || free(pdev).is_err()) {
        contain(pdev, owner);
    }

    // The pointer to the node is gone after this, so nobody has a reference any more.
    withdraw(pdev);
}

/// The memory is that of the device.
///
/// # Safety
///
/// None; devres wants the type.
unsafe extern "C" fn free_memory(_devres: *mut bindings::devres_node) {}

/// Frees the vectors, which are there, unless a handler is registered on one of them.
#[inline]
fn free(pdev: &Device) -> Result<(), Handler> {
    #[cfg(CONFIG_PCI_MSI)]
    // SAFETY: `pdev` is a valid device with vectors, hence MSI data.
    while !unsafe { bindings::pci_irq_vectors_free_unhandled(pdev.as_raw()) } {
        // None if it has been freed meanwhile.
        if let Some(handler) = Handler::on(pdev) {
            return Err(handler);
        }
    }
    #[cfg(not(CONFIG_PCI_MSI))]
    let _ = pdev;
    Ok(())
}

/// A handler that somebody registered, as it was when it was found.
#[derive(Default)]
struct Handler(bindings::pci_irq_handler);

impl Handler {
    /// Returns a handler that is registered on one of the device's MSI or MSI-X vectors.
    #[cfg(CONFIG_PCI_MSI)]
    #[cold]
    fn on(pdev: &Device) -> Option<Self> {
        let mut handler = Self::default();
        handler.find(pdev, 0).then_some(handler)
    }

    /// Finds a handler that is registered on one of the device's MSI or MSI-X vectors, or, unless
    /// `irq` is 0, on that interrupt; returns whether there is one.
    fn find(&mut self, pdev: &Device, irq: c_uint) -> bool {
        #[cfg(CONFIG_PCI_MSI)]
        {
            if irq == 0 {
                // SAFETY: `pdev` is a valid device, and has MSI data as long as it has a node.
                unsafe { bindings::pci_irq_vectors_find_handler(pdev.as_raw(), &mut self.0) }
            } else {
                // SAFETY: Any number will do.
                unsafe { bindings::pci_irq_find_handler(irq, &mut self.0) }
            }
        }
        #[cfg(not(CONFIG_PCI_MSI))]
        {
            let _ = (pdev, irq);
            false
        }
    }

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
#[cold]
fn contain(pdev: &Device, owner: Owner) {
    let raw = pdev.as_raw();

    if let (Owner::Driver, Some(irq_type)) = (owner, live(pdev)) {
        report!(
            pdev,
            "irq vectors: {} vectors leaked by the driver, freed at detach\n",
            irq_type.name()
        );
    }

    trace::contain(pdev, owner);
    // SAFETY: `raw` is a valid device with vectors, hence MSI data.
    unsafe { bindings::pci_irq_vectors_quiesce(raw) };
    let mut handler = Handler::default();
    let mut last = None;
    while handler.find(pdev, 0) {
        let this = (handler.0.irq, handler.0.action);
        if last.replace(this) == Some(this) {
            // genirq did not let go of it and has warned; nothing else is known to help.
            break;
        }
        report!(
            pdev,
            "irq vectors: handler {} on irq {} leaked by the driver, released at detach\n",
            handler.name(),
            handler.0.irq
        );
        // SAFETY: The handler was just found; its driver is detached and does not free it.
        unsafe { bindings::pci_irq_release_handler(&handler.0) };
    }
    // SAFETY: `raw` is as above.
    unsafe { bindings::pci_irq_vectors_free(raw) };
}

/// Without MSI there are no vectors to contain.
#[cfg(not(CONFIG_PCI_MSI))]
fn contain(_pdev: &Device, _owner: Owner) {}

/// Tells whether a handler is registered on the vector with interrupt `irq`, or on any if that is
/// 0, and refuses to free it if so.
fn is_handled(pdev: &Device, irq: c_uint) -> bool {
    let mut handler = Handler::default();
    if handler.find(pdev, irq) {
        refuse_handled(pdev, &handler);
        return true;
    }
    false
}

#[cold]
#[inline(never)]
fn refuse_handled(pdev: &Device, handler: &Handler) {
    report!(
        pdev,
        "irq vectors: free refused, handler {} is registered on irq {}\n",
        handler.name(),
        handler.0.irq
    );
    trace::refuse(pdev, Refusal::Handler);
}

/// Answers whether vectors that are live may be freed by one of the `pci_*` calls: the one with
/// interrupt `irq`, or all of them if that is 0.
///
/// A refusal is reported: the device owns the vectors, or a handler is registered on one. May
/// sleep.
///
/// # Safety
///
/// The caller must be the MSI core or the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn may_free(pdev: &Device, irq: c_uint) -> bool {
    let (Some(node), Some(irq_type)) = (node(pdev), live(pdev)) else {
        return true;
    };
    let owner = node.get().owner;
    if irq == 0 && owner == Owner::Device {
        refuse_managed(pdev, irq_type);
        return false;
    }
    if is_handled(pdev, irq) {
        return false;
    }
    trace::free(pdev, owner, irq);
    true
}

#[cold]
#[inline(never)]
fn refuse_managed(pdev: &Device, irq_type: IrqType) {
    report!(
        pdev,
        "irq vectors: free refused, the device owns the {} vectors until detach\n",
        irq_type.name()
    );
    trace::refuse(pdev, Refusal::DeviceOwns);
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
    let (whose, refusal) = match node.get() {
        Ownership {
            owner: Owner::Driver,
            ..
        } => ("the driver owns", Refusal::DriverOwns),
        Ownership { guard: Some(_), .. } => ("a Rust guard stands for", Refusal::Guard),
        _ => {
            if let Err(handler) = free(pdev) {
                refuse_handled(pdev, &handler);
            }
            return;
        }
    };
    report!(
        pdev,
        "irq vectors: managed free refused, {} the {} vectors\n",
        whose,
        irq_type.name()
    );
    trace::refuse(pdev, refusal);
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
        trace::claim(pdev, ownership.owner);
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
#[inline]
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

/// Has guard `id` stand for the vectors that have just been allocated.
pub(super) fn set_guard(pdev: &Device, id: GuardId) {
    if let Some(node) = node(pdev) {
        let Ownership { owner, .. } = node.get();
        node.set(Ownership {
            owner,
            guard: Some(id),
        });
    }
}

/// Tells whether the vectors that guard `id` stands for are still there.
pub(super) fn is_guarded(pdev: &Device, id: GuardId) -> bool {
    live(pdev).is_some() && node(pdev).is_some_and(|node| node.get().guard == Some(id))
}

/// Frees the vectors that guard `id` stands for, and no others. May sleep.
///
/// Returns whether they are gone. They are not when a handler is registered on them.
pub(super) fn free_guarded(pdev: &Device, id: GuardId) -> bool {
    if !is_guarded(pdev, id) {
        return true;
    }
    free(pdev)
        .inspect_err(|handler| refuse_handled(pdev, handler))
        .is_ok()
}

/// Makes the device the owner of the vectors that guard `id` stands for, if they are still there.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
pub(super) fn manage_guarded(pdev: &Device, id: GuardId) -> Result {
    if let (true, Some(node)) = (is_guarded(pdev, id), node(pdev)) {
        node.set(Ownership {
            owner: Owner::Device,
            guard: Some(id),
        });
        trace::claim(pdev, Owner::Device);
    }
    Ok(())
}

/// Why a call is refused.
#[derive(Clone, Copy)]
enum Refusal {
    /// Vectors are live.
    Busy,
    /// The driver is being detached.
    Detaching,
    /// The call is for what drivers own.
    DeviceOwns,
    /// The call is for what devices own.
    DriverOwns,
    /// A Rust guard stands for the vectors.
    Guard,
    /// A handler is registered.
    Handler,
}

/// The trace events of [`drivers/pci/msi/ownership_trace.h`], which say what was decided.
///
/// [`drivers/pci/msi/ownership_trace.h`]: srctree/drivers/pci/msi/ownership_trace.h
#[cfg(CONFIG_PCI_MSI)]
mod trace {
    use super::*;

    fn number(owner: Owner) -> bindings::pci_irq_owner {
        match owner {
            Owner::Driver => bindings::pci_irq_owner_PCI_IRQ_OWNER_DRIVER,
            Owner::Device => bindings::pci_irq_owner_PCI_IRQ_OWNER_DEVICE,
        }
    }

    #[inline]
    pub(super) fn alloc(pdev: &Device, owner: Owner, count: c_uint) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_vectors_trace_alloc(pdev.as_raw(), number(owner), count) };
    }

    #[inline]
    pub(super) fn claim(pdev: &Device, owner: Owner) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_vectors_trace_claim(pdev.as_raw(), number(owner)) };
    }

    #[inline]
    pub(super) fn free(pdev: &Device, owner: Owner, irq: c_uint) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_vectors_trace_free(pdev.as_raw(), number(owner), irq) };
    }

    #[inline]
    pub(super) fn contain(pdev: &Device, owner: Owner) {
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_vectors_trace_contain(pdev.as_raw(), number(owner)) };
    }

    pub(super) fn refuse(pdev: &Device, refusal: Refusal) {
        // SAFETY: As the caller of this refuses a call about the vectors, the node stays meanwhile.
        let owner = unsafe { owner(pdev) }
            .map_or(bindings::pci_irq_owner_PCI_IRQ_OWNER_NONE, |(owner, _)| {
                number(owner)
            });
        let reason = match refusal {
            Refusal::Busy => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_BUSY,
            Refusal::Detaching => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_DETACHING,
            Refusal::DeviceOwns => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_DEVICE_OWNS,
            Refusal::DriverOwns => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_DRIVER_OWNS,
            Refusal::Guard => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_GUARD,
            Refusal::Handler => bindings::pci_irq_refusal_PCI_IRQ_REFUSAL_HANDLER,
        };
        // SAFETY: `pdev` is a valid device.
        unsafe { bindings::pci_irq_vectors_trace_refuse(pdev.as_raw(), owner, reason) };
    }
}

/// Without MSI there is nothing to say.
#[cfg(not(CONFIG_PCI_MSI))]
mod trace {
    use super::*;

    pub(super) fn alloc(_pdev: &Device, _owner: Owner, _count: c_uint) {}
    pub(super) fn claim(_pdev: &Device, _owner: Owner) {}
    pub(super) fn free(_pdev: &Device, _owner: Owner, _irq: c_uint) {}
    pub(super) fn refuse(_pdev: &Device, _refusal: Refusal) {}
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
#[path = "ownership_tests.rs"]
mod tests;
