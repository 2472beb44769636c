// SPDX-License-Identifier: GPL-2.0

//! Handles of interrupt handlers that are registered.

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

/// A handler that is registered: dropping this releases it and waits until it does not run.
///
/// A handle that [`IrqVector::request`](super::IrqVector::request) returns borrows the guard of
/// explicit vectors, which cannot be freed as long as the handle is there. A handle that
/// [`Binding::request`](super::Binding::request) returns does not borrow it: its handler may have
/// been released with the vectors, and then the calls fail with `ENODEV`. Every call, and dropping
/// the handle, may sleep.
///
/// # Soundness
///
/// - Forgotten, it leaves the handler to whoever frees the vectors, and to the end of the binding.
/// - It cannot be cloned. The token in it has no second meaning: once the handler is gone, dropping
///   the handle does nothing, also in a later binding.
/// - Sent to another thread, it releases the handler there; whoever frees the vectors or unbinds
///   the driver meanwhile waits for that, and the reverse.
/// - It borrows the device, so driver data can keep it, and a handler cannot: it would wait for
///   itself.
/// - On the error path of probe it releases, unless the handler is released already.
///
/// # Invariants
///
/// `token` names a `Named<H>` that `registry` keeps, or one that was released since.
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
        // INVARIANT: The caller says so.
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
            // SAFETY: By the type invariant it is a `Named<H>`, just turned into a pointer.
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
        self.registry.quiesce(self.token, false)
    }

    /// Disables the interrupt, and waits until the handler does not run. Does nothing if it is
    /// disabled already.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the handler has been released.
    /// - `EINVAL` when it was registered with `SHARED`: others use the interrupt.
    pub fn disable(&self) -> Result {
        self.registry.quiesce(self.token, true)
    }

    /// Enables the interrupt, if [`Self::disable`] has disabled it or the handler was registered
    /// with `NO_AUTOEN`.
    ///
    /// # Errors
    ///
    /// As [`Self::disable`].
    pub fn enable(&self) -> Result {
        self.registry.enable(self.token)
    }

    /// Has the interrupt go to the CPUs of `mask`, and shows them to user space as a hint.
    ///
    /// It is no more than that: nothing is sent anywhere if none of the CPUs is online, and user
    /// space may change it.
    ///
    /// # Errors
    ///
    /// - As [`Self::disable`].
    /// - `EINVAL` also when the vector was spread, and so has its affinity already.
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
/// It keeps the memory of the handler, but not its registration.
///
/// # Soundness
///
/// Forgotten, it leaks the handler, which does not run any more once it is released. It borrows the
/// handle, and so ends with it.
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
