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
    devres::{
        self,
        Entry, //
    },
    ownership::{
        self,
        GuardId, //
    },
    Device, //
};
use crate::{
    bindings,
    device::{
        self,
        Bound, //
    },
    ffi::c_void,
    irq, new_mutex,
    prelude::*,
    sync::Mutex,
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

/// Names one registered handler; unique as long as the driver is bound.
pub(super) type Token = u64;

struct Slot {
    token: Token,
    guard: GuardId,
    /// Stays in its box until it is dropped: interrupts have its address.
    _registered: KBox<dyn Registered>,
}

struct Handlers {
    last: Token,
    slots: KVec<Slot>,
}

/// The entry; see the module's documentation.
#[pin_data]
pub(super) struct Binding {
    /// The last guard id given out. Held while vectors are allocated or freed by Rust code, so
    /// that calls from several CPUs follow each other. Never held while a handler is released.
    #[pin]
    vectors: Mutex<u64>,
    /// Held for moments only: a handler is registered and dropped outside of it, and may itself
    /// own something that comes back here when it is dropped.
    #[pin]
    handlers: Mutex<Handlers>,
}

impl Binding {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            vectors <- new_mutex!(0, "pci_rust_vectors"),
            handlers <- new_mutex!(
                Handlers {
                    last: 0,
                    slots: KVec::new(),
                },
                "pci_rust_handlers"
            ),
        })
    }

    /// Returns the entry of the device if there is one.
    fn find(pdev: &Device<Bound>) -> Option<&Self> {
        let entry = devres::find(pdev.as_ref(), release)?;
        // SAFETY: Entries with this release function hold a `Binding`. Devres releases it after
        // the device is unbound, and `pdev` is bound as long as the reference lives.
        Some(unsafe { entry.cast().as_ref() })
    }

    /// Returns the entry of the device, adding it the first time. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    pub(super) fn get(pdev: &Device<Bound>) -> Result<&Self> {
        if let Some(binding) = Self::find(pdev) {
            return Ok(binding);
        }
        let entry = Entry::new(
            release,
            c"pci_rust_binding_release",
            bindings::NUMA_NO_NODE,
            Self::new(),
        )?;
        // If somebody else added one meanwhile, ours is freed; it owns nothing yet.
        let entry = entry.get_or_add(pdev.as_ref());
        // SAFETY: As in `find()`.
        Ok(unsafe { entry.as_ref() })
    }

    /// Allocates vectors and a guard id for them.
    ///
    /// Returns how many, their type if they are not an INTx interrupt, and the id.
    pub(super) fn alloc(
        &self,
        pdev: &Device<Bound>,
        min_vecs: u32,
        max_vecs: u32,
        flags: u32,
        managed: bool,
    ) -> Result<(NonZero<usize>, Option<super::IrqType>, GuardId)> {
        let mut last = self.vectors.lock();
        *last += 1;
        let id = NonZero::new(*last).ok_or(EOVERFLOW)?;

        let len = ownership::alloc_guarded(pdev, min_vecs, max_vecs, flags, managed, id)?;
        let len = usize::try_from(len)
            .ok()
            .and_then(NonZero::new)
            .ok_or(EINVAL)?;
        Ok((len, ownership::live(pdev), id))
    }

    /// Frees the vectors of guard `id`, after the handlers that were registered through it.
    pub(super) fn free(&self, pdev: &Device<Bound>, id: GuardId) {
        self.release_last(|slot| slot.guard == id);
        let _vectors = self.vectors.lock();
        ownership::free_guarded(pdev, id);
    }

    /// Keeps a handler that was registered through guard `guard`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory; the handler is released then.
    ///
    /// # Safety
    ///
    /// What the handler borrows must be valid until the driver's remove callback returns or its
    /// probe fails, whatever the lifetime `'h` says.
    pub(super) unsafe fn keep<'h>(
        &self,
        guard: GuardId,
        registered: KBox<dyn Registered + 'h>,
    ) -> Result<Token> {
        // SAFETY: Only the lifetime changes. `Adapter` calls `release_all()` at the end of the
        // remove callback and when probe fails; until then the caller vouches for what is
        // borrowed.
        let registered: KBox<dyn Registered> = unsafe { core::mem::transmute(registered) };

        let mut handlers = self.handlers.lock();
        let token = handlers.last + 1;
        let slot = Slot {
            token,
            guard,
            _registered: registered,
        };
        match handlers.slots.push(slot, GFP_KERNEL) {
            Ok(()) => handlers.last = token,
            Err(e) => {
                drop(handlers);
                return Err(e.into());
            }
        }
        Ok(token)
    }

    /// Releases the handler named `token`, if nobody has.
    pub(super) fn release(&self, token: Token) {
        self.release_last(|slot| slot.token == token);
    }

    /// Releases the handlers that are `wanted`, the newest first.
    fn release_last(&self, wanted: impl Fn(&Slot) -> bool) {
        loop {
            let mut handlers = self.handlers.lock();
            let Some(i) = handlers.slots.iter().rposition(&wanted) else {
                return;
            };
            let slot = handlers.slots.remove(i);
            // The handler may come back here when it is dropped.
            drop(handlers);
            drop(slot);
        }
    }

    /// Releases every handler of the device.
    pub(super) fn release_all(pdev: &Device<Bound>) {
        if let Some(binding) = Self::find(pdev) {
            binding.release_last(|_| true);
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
/// Dropped when the probe callback returns. Driver data that is there by then means that probe
/// succeeded.
pub(super) struct ProbeUnwind<'a>(pub(super) &'a Device<Bound>);

impl Drop for ProbeUnwind<'_> {
    fn drop(&mut self) {
        let dev: &device::Device<Bound> = self.0.as_ref();
        // SAFETY: `dev` is a valid device.
        if unsafe { bindings::dev_get_drvdata(dev.as_raw()) }.is_null() {
            Binding::release_all(self.0);
        }
    }
}
