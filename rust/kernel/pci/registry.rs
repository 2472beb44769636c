// SPDX-License-Identifier: GPL-2.0

//! The registry of a binding. It keeps the interrupt handlers, and the lock under which the driver
//! changes vectors and handlers.
//!
//! Each binding has one registry, in a devres entry. The handlers are not in the values that
//! drivers hold, because those may be forgotten: `mem::forget()` ends a borrow, but not an
//! interrupt. The [`Adapter`](super::Adapter) closes the registry at the end of the remove callback
//! and on the error path of probe, before driver data is dropped and before devres releases
//! anything that a handler may use.

use super::{
    entry::{
        self,
        DevresEntry, //
    },
    ownership::{
        self,
        GuardId, //
    },
    Device, //
};
use crate::{
    bindings,
    cpumask::{
        Cpumask,
        CpumaskVar, //
    },
    device::Bound,
    error::to_result,
    ffi::c_void,
    irq::Flags,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        lock::{
            mutex::MutexBackend,
            Guard, //
        },
        Arc,
        CondVar,
        Mutex, //
    }, //
};
use core::{
    num::NonZero,
    ptr, //
};

/// Names a guard or a registered handler. A name is never used twice, so a token that is used in a
/// later binding finds nothing.
pub(super) type Token = NonZero<u64>;

/// Returns a name that was never used.
pub(super) fn new_token() -> Token {
    static LAST: Atomic<u64> = Atomic::new(0);

    // At a billion tokens a second the counter lasts for centuries.
    Token::MIN.saturating_add(LAST.fetch_add(1, Relaxed))
}

/// A handler of any type, which genirq knows by its address.
pub(super) trait Registered: Send + Sync {}

/// How a handler is registered with genirq.
pub(super) struct Request {
    pub(super) handler: unsafe extern "C" fn(c_int, *mut c_void) -> bindings::irqreturn_t,
    pub(super) thread: bindings::irq_handler_t,
    pub(super) flags: Flags,
    /// The string lives as long as the handler.
    pub(super) name: *const c_char,
}

/// A handler that is registered with genirq.
struct Slot {
    token: Token,
    guard: GuardId,
    index: usize,
    irq: c_uint,
    shared: bool,
    disabled: bool,
    hint: Option<KBox<Hint>>,
    /// The number of tasks that wait for the interrupt, without holding the lock.
    users: usize,
    /// None while it is being registered or released.
    registered: Option<Arc<dyn Registered>>,
}

/// The mask of an affinity hint, to which genirq has a pointer.
struct Hint(CpumaskVar);

// SAFETY: It owns the mask, which consists of bits. With `CONFIG_CPUMASK_OFFSTACK` it has a pointer
// to the mask.
unsafe impl Send for Hint {}

/// Data of any type that is kept while the device is bound.
pub(super) trait Revoke: Send + Sync {
    /// Waits until nobody uses the data, and drops it.
    fn revoke(&self);
}

/// The data that the lock of the registry protects.
pub(super) struct Calls {
    open: bool,
    slots: KVec<Slot>,
    /// The number of handlers that were removed from `slots` and are not dropped yet.
    dropping: usize,
    bound: KVec<Arc<dyn Revoke>>,
}

/// The handlers of a binding, and the lock under which its driver changes vectors and handlers.
///
/// A handler is released without the lock, because that may wait for a task that waits for the
/// lock. A handler is registered without the lock, too, because genirq has a mutex for each
/// interrupt, which it holds while it waits for a handler that is being released. Everything else
/// happens under the lock. Calls that allocate or register check under the lock that the registry
/// is open.
#[pin_data]
pub(super) struct Registry {
    #[pin]
    calls: Mutex<Calls>,
    /// Notified when a handler has been registered or released, or has one user less.
    #[pin]
    changed: CondVar,
}

// Several CPUs use the registry at a time.
const _: fn() = || {
    fn is_sync<T: Sync>() {}
    is_sync::<Registry>();
};

/// A registry whose lock is held.
pub(super) type Locked<'a> = Guard<'a, Calls, MutexBackend>;

impl Registry {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            calls <- new_mutex!(
                Calls {
                    open: true,
                    slots: KVec::new(),
                    dropping: 0,
                    bound: KVec::new(),
                },
                "pci_rust_registry"
            ),
            changed <- new_condvar!("pci_rust_registry_changed"),
        })
    }

    /// Returns the registry of the device, which is created the first time. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    ///
    /// # Safety
    ///
    /// The caller must be in a callback of the driver of the device.
    pub(super) unsafe fn get(pdev: &Device<Bound>) -> Result<&Self> {
        if let Some(registry) = Self::find(pdev) {
            return Ok(registry);
        }
        // SAFETY: `release()` drops the `Registry` in the entry.
        let entry = unsafe {
            DevresEntry::new(
                release,
                c"pci_rust_registry_release",
                bindings::NUMA_NO_NODE,
                Self::new(),
            )
        }?;
        let entry = entry.add_to(pdev.as_ref());
        // SAFETY: As in `find()`.
        Ok(unsafe { entry.as_ref() })
    }

    /// Returns the registry of the device if it has one.
    pub(super) fn find(pdev: &Device<Bound>) -> Option<&Self> {
        let entry = entry::find(pdev.as_ref(), release)?;
        // SAFETY: Entries with this release function hold a `Registry`. Devres releases it after
        // the driver's callbacks have returned and its data was dropped.
        Some(unsafe { entry.cast().as_ref() })
    }

    /// Locks the registry: nobody else allocates or frees vectors or registers handlers meanwhile.
    ///
    /// # Errors
    ///
    /// `ENODEV` when the driver is being detached.
    pub(super) fn lock(&self) -> Result<Locked<'_>> {
        let calls = self.calls.lock();
        if calls.open {
            Ok(calls)
        } else {
            Err(ENODEV)
        }
    }

    /// Locks the registry for reading, whether it is closed or not.
    pub(super) fn lock_to_read(&self) -> Locked<'_> {
        self.calls.lock()
    }

    /// Frees the vectors of guard `id`, after the handlers that were registered through it.
    ///
    /// Returns whether they are gone; they are not if C code has registered a handler on one.
    pub(super) fn free(&self, pdev: &Device<Bound>, id: GuardId) -> bool {
        let _calls = self.release_where(|slot| slot.guard == id);
        ownership::free_guarded(pdev, id)
    }

    /// Releases the handlers of vector `index` of guard `id`.
    pub(super) fn release_vector(&self, id: GuardId, index: usize) -> Locked<'_> {
        self.release_where(|slot| slot.guard == id && slot.index == index)
    }

    /// Releases the handler named `token`, if it is still registered.
    pub(super) fn release(&self, token: Token) {
        drop(self.release_where(|slot| slot.token == token));
    }

    /// Releases the handlers that are `wanted`, the newest first, and waits for those that another
    /// task is registering or releasing. Returns the lock; as long as it is held there is no such
    /// handler.
    fn release_where(&self, wanted: impl Fn(&Slot) -> bool) -> Locked<'_> {
        let mut calls = self.calls.lock();
        loop {
            let mut found = calls.slots.iter_mut().rev().filter(|slot| wanted(slot));
            let idle = found.find(|slot| slot.users == 0 && slot.registered.is_some());
            let Some(slot) = idle else {
                if !calls.slots.iter().any(&wanted) {
                    return calls;
                }
                self.changed.wait(&mut calls);
                continue;
            };
            let (token, irq) = (slot.token, slot.irq);
            let hint = slot.hint.take();
            let registered = slot.registered.take();
            drop(calls);

            if hint.is_some() {
                set_hint(irq, None);
            }
            if let Some(registered) = &registered {
                // SAFETY: The handler was registered with this cookie, and nobody else releases it.
                unsafe { bindings::free_irq(irq, cookie(registered)) };
            }

            calls = self.calls.lock();
            if let Some(i) = calls.slots.iter().position(|slot| slot.token == token) {
                // This cannot fail, and the slot has nothing left that could be dropped.
                let _ = calls.slots.remove(i);
            }
            calls.dropping += 1;
            self.changed.notify_all();
            // The destructor of the handler may call the registry.
            drop(calls);
            drop(registered);

            calls = self.calls.lock();
            calls.dropping -= 1;
            self.changed.notify_all();
        }
    }

    /// Registers a handler for vector `index` of guard `guard`, which is interrupt `irq`, and names
    /// it. May sleep. The registry is unlocked then.
    ///
    /// The vectors are not freed at the same time, because a task that frees them waits for the
    /// handler.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory, or what genirq fails with.
    ///
    /// # Safety
    ///
    /// - `irq` must be an interrupt of the device, and `calls` the lock of this registry.
    /// - What the handler borrows must be valid until the driver's remove callback returns or its
    ///   probe fails, whatever the lifetime `'h` says.
    /// - The functions of `request` must be for what `registered` points to.
    pub(super) unsafe fn register<'h>(
        &self,
        mut calls: Locked<'_>,
        guard: GuardId,
        index: usize,
        irq: c_uint,
        request: Request,
        registered: Arc<dyn Registered + 'h>,
    ) -> Result<Token> {
        // SAFETY: Only the lifetime changes. `Adapter` calls `Registry::close()` at the end of the
        // remove callback and when probe fails; until then the caller vouches for what is borrowed.
        let registered: Arc<dyn Registered> = unsafe { core::mem::transmute(registered) };
        let token = new_token();
        let mut flags = request.flags.into_inner();
        if request.thread.is_none() {
            // `request_irq()` does the same.
            flags |= bindings::IRQF_COND_ONESHOT as c_ulong;
        }
        let slot = Slot {
            token,
            guard,
            index,
            irq,
            shared: request.flags & Flags::SHARED == Flags::SHARED,
            disabled: request.flags & Flags::NO_AUTOEN == Flags::NO_AUTOEN,
            hint: None,
            users: 0,
            registered: None,
        };
        calls.slots.push(slot, GFP_KERNEL)?;
        drop(calls);

        // SAFETY: By the requirements above the functions are for the cookie. `name` is part of
        // what the cookie points to, which is there until the handler is released.
        let result = to_result(unsafe {
            bindings::request_threaded_irq(
                irq,
                Some(request.handler),
                request.thread,
                flags,
                request.name,
                cookie(&registered),
            )
        });

        let mut calls = self.calls.lock();
        if let Some(i) = calls.slots.iter().position(|slot| slot.token == token) {
            if result.is_ok() {
                calls.slots[i].registered = Some(registered);
            } else {
                // This cannot fail, and the slot has nothing left that could be dropped.
                let _ = calls.slots.remove(i);
            }
        }
        self.changed.notify_all();
        result.map(|()| token)
    }

    /// Closes the registry of the device, revokes what is kept while the device is bound, and
    /// releases every handler.
    pub(super) fn close(pdev: &Device<Bound>) {
        let Some(registry) = Self::find(pdev) else {
            return;
        };
        let mut calls = registry.calls.lock();
        calls.open = false;
        while let Some(bound) = calls.bound.pop() {
            drop(calls);
            bound.revoke();
            calls = registry.calls.lock();
        }
        drop(calls);

        let mut calls = registry.release_where(|_| true);
        while calls.dropping != 0 {
            registry.changed.wait(&mut calls);
        }
    }

    /// Returns the handler named `token`.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    pub(super) fn registered(&self, token: Token) -> Result<Arc<dyn Registered>> {
        let mut calls = self.calls.lock();
        calls.slot(token)?.registered.clone().ok_or(ENODEV)
    }

    /// Waits until the handler named `token` is not running.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    pub(super) fn synchronize(&self, token: Token) -> Result {
        self.wait_until_idle(self.calls.lock(), token)
    }

    /// Disables the interrupt of the handler named `token`, if it is enabled, and waits until the
    /// handler is not running.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when it has been released.
    /// - `EINVAL` when the driver may not change the state of the interrupt; see
    ///   [`Slot::check_exclusive`].
    pub(super) fn disable(&self, token: Token) -> Result {
        let mut calls = self.calls.lock();
        let slot = calls.slot(token)?;
        slot.check_exclusive()?;
        if !core::mem::replace(&mut slot.disabled, true) {
            // SAFETY: The function takes any number, and the handler is registered.
            unsafe { bindings::disable_irq_nosync(slot.irq) };
        }
        self.wait_until_idle(calls, token)
    }

    fn wait_until_idle(&self, mut calls: Locked<'_>, token: Token) -> Result {
        let slot = calls.slot(token)?;
        let irq = slot.irq;
        slot.users += 1;
        drop(calls);

        // SAFETY: The function takes any number, and the handler stays as long as it has users.
        unsafe { bindings::synchronize_irq(irq) };

        let mut calls = self.calls.lock();
        if let Ok(slot) = calls.slot(token) {
            slot.users -= 1;
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Enables the interrupt of the handler named `token`, if it is disabled.
    ///
    /// # Errors
    ///
    /// See [`Self::disable`].
    pub(super) fn enable(&self, token: Token) -> Result {
        let mut calls = self.calls.lock();
        let slot = calls.slot(token)?;
        slot.check_exclusive()?;
        if core::mem::take(&mut slot.disabled) {
            // SAFETY: The handler is registered, and its interrupt was disabled once.
            unsafe { bindings::enable_irq(slot.irq) };
        }
        Ok(())
    }

    /// Directs the interrupt of the handler named `token` to the CPUs of `mask`.
    ///
    /// # Errors
    ///
    /// - Those of [`Self::disable`].
    /// - `ENOMEM` when there is no memory.
    pub(super) fn set_affinity_hint(&self, token: Token, mask: &Cpumask) -> Result {
        let hint = KBox::new(Hint(CpumaskVar::try_clone(mask)?), GFP_KERNEL)?;
        let mut calls = self.calls.lock();
        let slot = calls.slot(token)?;
        slot.check_exclusive()?;
        set_hint(slot.irq, Some(&hint.0));
        slot.hint = Some(hint);
        Ok(())
    }
}

impl Calls {
    /// Keeps `bound` until the registry is closed.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    pub(super) fn keep(&mut self, bound: Arc<dyn Revoke>) -> Result {
        Ok(self.bound.push(bound, GFP_KERNEL)?)
    }

    fn slot(&mut self, token: Token) -> Result<&mut Slot> {
        let mut slots = self.slots.iter_mut();
        slots
            .find(|slot| slot.token == token && slot.registered.is_some())
            .ok_or(ENODEV)
    }
}

impl Slot {
    /// Checks that the driver may change the state and the affinity of the interrupt.
    ///
    /// # Errors
    ///
    /// `EINVAL` when other devices may share it, or it is spread over CPUs. genirq stops and starts
    /// a spread interrupt with its CPUs, and warns if a driver starts it while they are offline.
    fn check_exclusive(&self) -> Result {
        // SAFETY: The function takes any number.
        if self.shared || unsafe { bindings::pci_irq_is_spread(self.irq) } {
            Err(EINVAL)
        } else {
            Ok(())
        }
    }
}

/// Returns the cookie by which genirq identifies a handler.
fn cookie(registered: &Arc<dyn Registered>) -> *mut c_void {
    Arc::as_ptr(registered).cast::<c_void>().cast_mut()
}

/// Sets the affinity of an interrupt, and its hint for user space.
///
/// On a kernel for a single CPU genirq refuses, and there is nothing to set.
fn set_hint(irq: c_uint, mask: Option<&Cpumask>) {
    let mask = mask.map_or(ptr::null(), |mask| mask.as_raw().cast_const());
    // SAFETY: `mask` is null, or stays in its slot until this is called again with another.
    unsafe { bindings::irq_set_affinity_and_hint(irq, mask) };
}

/// Drops the entry when the driver is detached.
///
/// # Safety
///
/// `res` must point to a [`Registry`] that nobody uses any more.
unsafe extern "C" fn release(_dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: The caller passes a `Registry` that nobody uses any more. Devres frees the memory
    // without dropping the value in it.
    unsafe { ptr::drop_in_place(res.cast::<Registry>()) };
}
