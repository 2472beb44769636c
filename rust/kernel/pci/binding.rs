// SPDX-License-Identifier: GPL-2.0

//! What the typed interrupt API keeps for a device while a driver is bound to it.
//!
//! Handlers and the lock under which Rust code allocates and frees vectors live here, in one
//! devres entry per binding, and not in the values that drivers hold. Those may be forgotten:
//! `mem::forget()` ends a borrow, but not an interrupt.
//!
//! The [`Adapter`](super::Adapter) releases the handlers at the end of the remove callback and on
//! the error path of probe, that is before driver data is dropped and before devres releases
//! anything that a handler may use.

use super::{
    affinity::IrqAffinity,
    entry::{
        self,
        DevresEntry, //
    },
    ownership::{
        self,
        GuardId, //
    },
    Device,
    IrqType, //
};
use crate::{
    bindings,
    device::Bound,
    ffi::c_void,
    irq, new_condvar, new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        CondVar,
        Mutex, //
    },
};
use core::{
    num::NonZero,
    ptr, //
};

/// A registered handler, whatever its type: dropping it frees the interrupt, waits for handlers
/// that are running, and only then drops the handler.
pub(super) trait Registered: Send {}

impl<H: irq::Handler + Send> Registered for irq::Registration<'_, H> {}
impl<H: irq::ThreadedHandler + Send> Registered for irq::ThreadedRegistration<'_, H> {}

/// Names a guard or a registered handler. No two have the same: what is kept longer than it should
/// be, and used in a later binding, finds nothing.
pub(super) type Token = NonZero<u64>;

/// Returns a name that nobody has.
pub(super) fn name() -> Token {
    static LAST: Atomic<u64> = Atomic::new(0);

    loop {
        if let Some(token) = NonZero::new(LAST.fetch_add(1, Relaxed).wrapping_add(1)) {
            return token;
        }
    }
}

struct Slot {
    token: Token,
    guard: GuardId,
    /// Stays in its box until it is dropped: interrupts have its address.
    _registered: KBox<dyn Registered>,
}

struct Handlers {
    slots: KVec<Slot>,
    /// How many are out of `slots`, and not released yet.
    releasing: usize,
}

/// What an allocation shall make.
pub(super) struct Wanted {
    pub(super) min_vecs: u32,
    pub(super) max_vecs: u32,
    pub(super) flags: u32,
    pub(super) affinity: Option<IrqAffinity>,
}

impl Wanted {
    /// The most that C, where these are signed further down, does not take for less than nothing.
    const MOST: u32 = i32::MAX as u32;

    pub(super) fn new(min_vecs: u32, max_vecs: u32, flags: u32) -> Self {
        Self {
            min_vecs: min_vecs.min(Self::MOST),
            max_vecs: max_vecs.min(Self::MOST),
            flags,
            affinity: None,
        }
    }

    /// Asks for the vectors to be spread.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what C trusts its callers not to ask: it makes a mask for each vector that is
    /// not spread, in an array for as many as the sum of the two says, which may overflow; and with
    /// a minimum of 0 it succeeds without a vector.
    pub(super) fn spread(mut self, affinity: IrqAffinity) -> Result<Self> {
        let rest = affinity.pre_vectors.checked_add(affinity.post_vectors);
        if rest.is_none() || self.min_vecs == 0 {
            return Err(EINVAL);
        }
        self.flags |= bindings::PCI_IRQ_AFFINITY;
        self.affinity = Some(affinity);
        Ok(self)
    }
}

impl Wanted {
    /// Allocates the vectors, and returns how many.
    fn alloc(self, pdev: &Device, managed: bool) -> Result<usize> {
        let mut affinity = self.affinity.map(IrqAffinity::into_raw);
        let affd = affinity.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let (min, max, pdev) = (self.min_vecs, self.max_vecs, pdev.as_raw());
        let count = if managed {
            // SAFETY: `pdev` is a valid device, and `affd` is null or points to `affinity`.
            unsafe { bindings::pcim_alloc_irq_vectors_affinity(pdev, min, max, self.flags, affd) }
        } else {
            // SAFETY: As above.
            unsafe { bindings::pci_alloc_irq_vectors_affinity(pdev, min, max, self.flags, affd) }
        };
        usize::try_from(count).map_err(|_| Error::from_errno(count))
    }
}

/// What an allocation made.
pub(super) struct Allocated {
    pub(super) id: GuardId,
    pub(super) len: NonZero<usize>,
    pub(super) irq_type: IrqType,
    /// The interrupt of the device, which is the INTx one if it is that type.
    pub(super) irq: u32,
}

/// The entry; see the module's documentation.
#[pin_data]
pub(super) struct Binding {
    /// Held while Rust code allocates or frees vectors, so that calls from several CPUs follow
    /// each other. Never held while a handler is released.
    #[pin]
    vectors: Mutex<()>,
    /// Held for moments only: a handler is registered and dropped outside of it, and may itself
    /// own something that comes back here when it is dropped.
    #[pin]
    handlers: Mutex<Handlers>,
    /// Notified when a handler is released.
    #[pin]
    released: CondVar,
}

// Several CPUs use it at a time.
const _: fn() = || {
    fn is_sync<T: Sync>() {}
    is_sync::<Binding>();
};

impl Binding {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            vectors <- new_mutex!((), "pci_rust_vectors"),
            handlers <- new_mutex!(
                Handlers {
                    slots: KVec::new(),
                    releasing: 0,
                },
                "pci_rust_handlers"
            ),
            released <- new_condvar!("pci_rust_released"),
        })
    }

    /// Returns the entry of the device if there is one. There is none any more once devres
    /// releases what the device manages, when a bound child of the device may still have guards.
    ///
    /// The reference must not be kept: it is good for one call.
    fn find(pdev: &Device<Bound>) -> Option<&Self> {
        let entry = entry::find(pdev.as_ref(), release)?;
        // SAFETY: Entries with this release function hold a `Binding`, which is there until devres
        // begins. Whoever has `pdev` is done by then: that a device is bound means no more and no
        // less to `Devres::access()` either. The driver's callbacks are over, and its data is
        // dropped with the children that are registered in it. What devres itself drops or unbinds
        // finds nothing here.
        Some(unsafe { entry.cast().as_ref() })
    }

    /// Returns the entry of the device, adding it the first time. May sleep.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is being detached, or the device has none.
    /// - `ENOMEM` when there is no memory.
    pub(super) fn get(pdev: &Device<Bound>) -> Result<&Self> {
        // Nothing may be added to the devres list of a device whose entries are being released.
        // To one without a driver neither: no driver would be able to bind to it any more.
        if !ownership::is_driven(pdev) {
            return Err(ENODEV);
        }
        if let Some(binding) = Self::find(pdev) {
            return Ok(binding);
        }
        // SAFETY: `release()` drops the `Binding` in the entry.
        let entry = unsafe {
            DevresEntry::new(
                release,
                c"pci_rust_binding_release",
                bindings::NUMA_NO_NODE,
                Self::new(),
            )
        }?;
        // If somebody else added one meanwhile, ours is freed; it owns nothing yet.
        let entry = entry.get_or_add(pdev.as_ref());
        // SAFETY: As in `find()`.
        Ok(unsafe { entry.as_ref() })
    }

    /// Runs `f` while nobody allocates or frees vectors of the device from Rust.
    pub(super) fn exclusively<T>(&self, f: impl FnOnce() -> T) -> T {
        let _vectors = self.vectors.lock();
        f()
    }

    /// Allocates vectors, which a new guard id stands for.
    ///
    /// # Errors
    ///
    /// As `pci_alloc_irq_vectors_affinity()`.
    pub(super) fn alloc(pdev: &Device<Bound>, managed: bool, wanted: Wanted) -> Result<Allocated> {
        Self::get(pdev)?.exclusively(|| {
            let len = wanted.alloc(pdev, managed)?;
            let id = name();
            ownership::set_guard(pdev, id);
            Ok(Allocated {
                id,
                len: NonZero::new(len).ok_or(EINVAL)?,
                irq_type: ownership::live(pdev).unwrap_or(IrqType::Intx),
                // SAFETY: `pdev` is a valid device; nobody changes its interrupt right now.
                irq: unsafe { (*pdev.as_raw()).irq },
            })
        })
    }

    /// Frees the vectors of guard `id`, after the handlers that were registered through it.
    ///
    /// Returns whether they are gone: C code may have registered a handler on them.
    pub(super) fn free(pdev: &Device<Bound>, id: GuardId) -> bool {
        let Some(binding) = Self::find(pdev) else {
            // Devres has released the handlers, or is about to, and nobody allocates any more.
            return ownership::free_guarded(pdev, id);
        };
        binding.release_last(|slot| slot.guard == id);
        binding.exclusively(|| ownership::free_guarded(pdev, id))
    }

    /// Gives the vectors of guard `id` to the device.
    pub(super) fn manage(pdev: &Device<Bound>, id: GuardId) -> Result {
        Self::find(pdev).map_or(Ok(()), |binding| {
            binding.exclusively(|| ownership::manage_guarded(pdev, id))
        })
    }

    /// Keeps a handler that was registered through guard `guard`, and names it.
    ///
    /// # Errors
    ///
    /// With any, the handler is released:
    ///
    /// - `ENODEV` when the driver is being detached.
    /// - `ENOMEM` when there is no memory.
    ///
    /// # Safety
    ///
    /// What the handler borrows must be valid until the driver's remove callback returns or its
    /// probe fails, whatever the lifetime `'h` says.
    pub(super) unsafe fn keep<'h>(
        pdev: &Device<Bound>,
        guard: GuardId,
        registered: KBox<dyn Registered + 'h>,
    ) -> Result<Token> {
        // SAFETY: Only the lifetime changes. `Adapter` calls `release_all()` at the end of the
        // remove callback and when probe fails; until then the caller vouches for what is
        // borrowed.
        let registered: KBox<dyn Registered> = unsafe { core::mem::transmute(registered) };

        let binding = Self::get(pdev)?;
        let token = name();

        let mut handlers = binding.handlers.lock();
        if let Err(e) = handlers.slots.reserve(1, GFP_KERNEL) {
            // Dropping the handler may come back here.
            drop(handlers);
            drop(registered);
            return Err(e.into());
        }
        let slot = Slot {
            token,
            guard,
            _registered: registered,
        };
        // Cannot fail: there is room for it.
        handlers.slots.push(slot, GFP_KERNEL)?;
        Ok(token)
    }

    /// Releases the handler named `token`, if nobody has.
    pub(super) fn release(pdev: &Device<Bound>, token: Token) {
        if let Some(binding) = Self::find(pdev) {
            binding.release_last(|slot| slot.token == token);
        }
    }

    /// Releases the handlers that are `wanted`, the newest first.
    fn release_last(&self, wanted: impl Fn(&Slot) -> bool) {
        let mut handlers = self.handlers.lock();
        while let Some(i) = handlers.slots.iter().rposition(&wanted) {
            let slot = handlers.slots.remove(i);
            handlers.releasing += 1;
            // The handler may come back here when it is dropped.
            drop(handlers);
            drop(slot);
            // Under the lock, so that whoever waits for this cannot go on in between.
            handlers = self.handlers.lock();
            handlers.releasing -= 1;
            self.released.notify_all();
        }
    }

    /// Releases every handler of the device, and waits for those that others are releasing.
    ///
    /// A handler that releases itself waits for ever, and so does this.
    pub(super) fn release_all(pdev: &Device<Bound>) {
        let Some(binding) = Self::find(pdev) else {
            return;
        };
        binding.release_last(|_| true);
        let mut handlers = binding.handlers.lock();
        while handlers.releasing != 0 {
            binding.released.wait(&mut handlers);
        }
    }
}

/// Drops the entry when the driver is detached.
///
/// # Safety
///
/// `res` must point to a [`Binding`] that nobody uses any more.
unsafe extern "C" fn release(_dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirement above; devres frees the memory without dropping what is in it.
    unsafe { ptr::drop_in_place(res.cast::<Binding>()) };
}

/// Releases the handlers of a device whose probe fails.
///
/// Dropped at the end of the probe callback, when what it left unfinished is gone; forgotten once
/// there is driver data.
pub(super) struct ProbeUnwind<'a>(pub(super) &'a Device<Bound>);

impl Drop for ProbeUnwind<'_> {
    fn drop(&mut self) {
        Binding::release_all(self.0);
    }
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
#[path = "binding_tests.rs"]
mod tests;
