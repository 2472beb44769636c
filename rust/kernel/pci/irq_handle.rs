// SPDX-License-Identifier: GPL-2.0

//! Handles of registered interrupt handlers.

use super::{
    irq_request::Named,
    registry::{
        Registry,
        Token, //
    }, //
};
use crate::{
    cpumask::Cpumask,
    prelude::*,
    sync::Arc, //
};
use core::{
    marker::PhantomData,
    ops::Deref, //
};

/// A registered handler. Dropping this releases the handler and waits until it is not running.
///
/// A handle that [`IrqVector::request`](super::IrqVector::request) returns borrows the guard of
/// explicit vectors, which cannot be freed as long as the handle is there. A handle that
/// [`Binding::request`](super::Binding::request) returns does not borrow it: its handler may have
/// been released with the vectors, and then the calls fail with `ENODEV`. Every call, and dropping
/// the handle, may sleep.
///
/// # Soundness
///
/// - If it is forgotten, the handler stays until the vectors are freed or the driver is unbound.
/// - It cannot be cloned. Its token never names another handler: once the handler is gone, dropping
///   the handle does nothing, also in a later binding.
/// - It can be sent to another thread and dropped there. A task that frees the vectors or unbinds
///   the driver at the same time waits for that, and the other way round.
/// - It borrows the device, so driver data can keep it. A handler cannot, because it would wait for
///   itself.
/// - On the error path of probe it releases the handler, unless that was done already.
///
/// # Invariants
///
/// `token` names a `Named<H>` that `registry` keeps, or kept until it was released.
#[must_use = "the handler is released when this is dropped; see until_unbind()"]
pub struct IrqHandle<'a, H> {
    registry: &'a Registry,
    token: Token,
    _handler: PhantomData<Arc<Named<H>>>,
}

impl<'a, H> IrqHandle<'a, H> {
    /// Returns the handle of a handler.
    ///
    /// # Safety
    ///
    /// `registry` must have given out `token` for a `Named<H>`.
    pub(super) unsafe fn new(registry: &'a Registry, token: Token) -> Self {
        // INVARIANT: `token` names a `Named<H>` of `registry`, as the caller promises.
        Self {
            registry,
            token,
            _handler: PhantomData,
        }
    }

    /// Leaves the handler registered until the vectors are freed or the driver is unbound.
    pub fn until_unbind(self) {
        core::mem::forget(self);
    }

    /// Returns the handler.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{irq, pci, prelude::*, sync::atomic::{Atomic, Relaxed}};
    ///
    /// struct Counter(Atomic<u32>);
    ///
    /// impl irq::Handler for Counter {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         self.0.add(1, Relaxed);
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn calls(handle: &pci::IrqHandle<'_, Counter>) -> Result<u32> {
    ///     Ok(handle.handler()?.0.load(Relaxed))
    /// }
    /// ```
    pub fn handler(&self) -> Result<IrqHandlerRef<'_, H>> {
        let registered = self.registry.registered(self.token)?;
        let named = Arc::into_raw(registered).cast::<Named<H>>();
        Ok(IrqHandlerRef {
            // SAFETY: `named` was returned by `Arc::into_raw()`, and by the type invariant it
            // points to a `Named<H>`.
            named: unsafe { Arc::from_raw(named) },
            _handle: PhantomData,
        })
    }

    /// Waits until the handler does not run.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    pub fn synchronize(&self) -> Result {
        self.registry.synchronize(self.token)
    }

    /// Disables the interrupt, and waits until the handler is not running. Does nothing if the
    /// interrupt is disabled already.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the handler has been released.
    /// - `EINVAL` when it was registered with `SHARED`, because other devices may use the
    ///   interrupt, or when the vector was spread over CPUs, because genirq stops and starts it
    ///   with its CPUs.
    pub fn disable(&self) -> Result {
        self.registry.disable(self.token)
    }

    /// Enables the interrupt, if [`Self::disable`] has disabled it or the handler was registered
    /// with `NO_AUTOEN`.
    ///
    /// # Errors
    ///
    /// See [`Self::disable`].
    pub fn enable(&self) -> Result {
        self.registry.enable(self.token)
    }

    /// Directs the interrupt to the CPUs of `mask`, and shows them to user space as a hint.
    ///
    /// It is only a hint: the interrupt is not moved if none of the CPUs is online, and user space
    /// may move it later.
    ///
    /// # Errors
    ///
    /// - Those of [`Self::disable`].
    /// - `ENOMEM` when there is no memory.
    pub fn set_affinity_hint(&self, mask: &Cpumask) -> Result {
        self.registry.set_affinity_hint(self.token, mask)
    }
}

impl<H> Drop for IrqHandle<'_, H> {
    fn drop(&mut self) {
        self.registry.release(self.token);
    }
}

/// A handler, as [`IrqHandle::handler`] returns it.
///
/// It keeps the handler in memory, but not registered.
///
/// # Soundness
///
/// - If it is forgotten, the memory of the handler leaks; the handler is released all the same.
/// - It can be used by any thread, as the handler can. It borrows the handle, so it cannot outlive
///   it, and the handler's data lasts as long as the binding.
/// - The handler may be released, and the driver be detached, while it exists. Then the handler is
///   dropped with it.
/// - A handler cannot keep it, because it cannot keep a handle.
/// - C code cannot reach it.
pub struct IrqHandlerRef<'a, H> {
    named: Arc<Named<H>>,
    _handle: PhantomData<&'a ()>,
}

impl<H> Deref for IrqHandlerRef<'_, H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.named.handler
    }
}
