// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers of a PCI device's vectors.
//!
//! [`IrqVector::request`] registers a handler in probe, [`Binding::request`] at any time. Both are
//! safe, for explicit and for managed vectors, because their soundness does not depend on what the
//! driver does:
//!
//! - The device keeps the handler until the driver is unbound; the value that is returned does not.
//!   If that value or the guard of the vectors is forgotten, the handler stays registered, and
//!   everything that it uses stays alive.
//! - It is released before the vectors: by the call that frees them, at the end of the driver's
//!   remove callback, or when probe fails. So it is gone before driver data is dropped, before
//!   devres releases BARs, and before the module is removed.
//! - It borrows nothing that can go earlier. In probe the bound is `H: 'c` with the `'c` of
//!   [`Core<'c>`](crate::device::Core). Only two kinds of values satisfy it: those that are
//!   `'static`, and those that the device hands out for the whole binding, such as [`ManagedBar`].
//!   A driver's callback is generic over `'c`, and `'c` is invariant, so no local variable and no
//!   argument of the callback satisfies it. Outside probe a closure that is generic over the
//!   lifetime makes the handler, and what the handler borrows is lent to the closure.
//! - For the same reason a handler cannot keep a guard, a witness or the handle of a handler. Their
//!   calls may sleep, and would wait for the handler that makes them.
//! - Its code belongs to the driver's module. Another module that has a reference to a bound device
//!   cannot register a handler. A driver can lend its binding to another module, but handlers of
//!   that module are refused with `EPERM`, because it can be removed first.

use super::{
    allocation::Allocation,
    binding::Binding,
    irq::IrqVector,
    irq_handle::IrqHandle,
    irq_request::Functions,
    managed::ManagedBar,
    Device, //
};
use crate::{
    device::{
        Bound,
        Core, //
    },
    irq::{
        self,
        Flags, //
    },
    prelude::*,
    types::CovariantForLt, //
};
use core::marker::PhantomData;

impl<'a, V: Copy> IrqVector<'a, V> {
    /// Registers a handler for the vector.
    ///
    /// `dev` proves that the caller is the driver of the device, in one of its callbacks. Use
    /// [`Binding::request`] elsewhere. The handler may run before this returns. `name` is copied.
    /// This may sleep, and so may dropping the returned handle.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when the vector is not one of `dev` or does not exist any more, `name` cannot be
    ///   the name of a directory, or `flags` has `ONESHOT`, which needs a thread, `PERCPU`, which
    ///   no interrupt of a device is, or `SHARED` with `NO_SUSPEND`, `FORCE_RESUME` or `NO_AUTOEN`.
    ///   `NO_AUTOEN` is also refused for a vector that is spread over CPUs, because genirq starts
    ///   that with its CPUs.
    /// - `ENODEV` when the vectors have been freed, or the driver is being detached.
    /// - `EPERM` when the handler is code of another module than that of the driver.
    /// - `EBUSY` when a handler is there already and the two cannot share.
    /// - `ENOMEM` when there is no memory.
    /// - What `handler` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, irq, pci, prelude::*};
    ///
    /// struct Quiet;
    ///
    /// impl irq::Handler for Quiet {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     let vectors = pdev.pcim_alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    ///     vectors
    ///         .index(0)?
    ///         .request(pdev, irq::Flags::SHARED, c"quiet", Ok(Quiet))?
    ///         .until_unbind();
    ///     Ok(())
    /// }
    /// ```
    pub fn request<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<IrqHandle<'b, H>>
    where
        'a: 'b,
        H: irq::Handler + Send + 'c,
    {
        self.register(dev, Functions::hard(), flags, name, handler)
    }

    /// Registers a handler of which a part runs in a thread of its own.
    ///
    /// Otherwise it does the same as [`Self::request`], but `flags` may have `ONESHOT`.
    ///
    /// # Errors
    ///
    /// See [`Self::request`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, irq, pci, prelude::*};
    ///
    /// struct Patient;
    ///
    /// impl irq::ThreadedHandler for Patient {
    ///     fn handle_threaded(&self) -> irq::IrqReturn {
    ///         // May sleep.
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     let vectors = pdev.pcim_alloc_irq_vectors(1, 1, pci::IrqType::Msi.into())?;
    ///     vectors
    ///         .index(0)?
    ///         .request_threaded(pdev, irq::Flags::ONESHOT, c"patient", Ok(Patient))?
    ///         .until_unbind();
    ///     Ok(())
    /// }
    /// ```
    pub fn request_threaded<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<IrqHandle<'b, H>>
    where
        'a: 'b,
        H: irq::ThreadedHandler + Send + 'c,
    {
        self.register(dev, Functions::threaded(), flags, name, handler)
    }

    fn register<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        functions: Functions<H>,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<IrqHandle<'b, H>>
    where
        'a: 'b,
        H: Send + Sync + 'c,
    {
        let allocation = self.of(dev)?;
        // SAFETY: What the handler borrows outlives `'c`, a lifetime that the driver cannot choose.
        // So it is `'static`, or it comes from a value that the device hands out for the binding.
        // Devres releases that after the remove callback, or after probe fails.
        let token = unsafe { functions.register(&allocation, self.index, flags, name, handler) }?;
        // SAFETY: The registry has just given out the token for a `Named<H>`.
        Ok(unsafe { IrqHandle::new(allocation.registry, token) })
    }

    /// Returns the allocation, if the vector is one of `dev`.
    fn of(&self, dev: &Device<Bound>) -> Result<Allocation<'a>> {
        if dev.as_raw() != self.allocation.dev.as_raw() {
            return Err(EINVAL);
        }
        Ok(self.allocation)
    }
}

impl<'a> Binding<'a> {
    /// Registers a handler for a vector, at any time.
    ///
    /// `make` creates the handler, from what is lent to it. The handle does not borrow the guard of
    /// the vectors, so driver data can keep both. Freeing the vectors releases their handlers
    /// first; after that the calls of the handle fail with `ENODEV`.
    ///
    /// # Errors
    ///
    /// As [`IrqVector::request`], and what `make` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{io::Io, irq, pci, prelude::*, types::CovariantForLt};
    ///
    /// struct Acknowledge<'bound> {
    ///     bar: pci::ManagedBar<'bound, 0x68>,
    /// }
    ///
    /// impl irq::Handler for Acknowledge<'_> {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         self.bar.write32(1, 0x64);
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// struct Queue<'bound> {
    ///     handle: pci::IrqHandle<'bound, Acknowledge<'bound>>,
    ///     vectors: pci::IrqVectorRegistration<'bound>,
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn up<'a>(binding: pci::Binding<'a>, bar: pci::ManagedBar<'a, 0x68>) -> Result<Queue<'a>> {
    ///     let vectors = binding.alloc_irq_vectors(1, 1, pci::IrqType::Msi.into())?;
    ///     let handle = binding.request::<CovariantForLt!(Acknowledge<'_>)>(
    ///         vectors.index(0)?,
    ///         irq::Flags::TRIGGER_NONE,
    ///         c"acknowledge",
    ///         |lend| Ok(Acknowledge { bar: lend.bar(bar)? }),
    ///     )?;
    ///     Ok(Queue { handle, vectors })
    /// }
    /// ```
    pub fn request<F>(
        self,
        vector: IrqVector<'_, impl Copy>,
        flags: Flags,
        name: &CStr,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<F::Of<'h>>,
    ) -> Result<IrqHandle<'a, F::Of<'a>>>
    where
        F: CovariantForLt + 'static,
        for<'h> F::Of<'h>: irq::Handler + Send,
    {
        self.register::<F>(vector, Functions::hard(), flags, name, make)
    }

    /// Registers a handler of which a part runs in a thread of its own, at any time.
    ///
    /// Otherwise it does the same as [`Self::request`].
    ///
    /// # Errors
    ///
    /// See [`Self::request`].
    pub fn request_threaded<F>(
        self,
        vector: IrqVector<'_, impl Copy>,
        flags: Flags,
        name: &CStr,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<F::Of<'h>>,
    ) -> Result<IrqHandle<'a, F::Of<'a>>>
    where
        F: CovariantForLt + 'static,
        for<'h> F::Of<'h>: irq::ThreadedHandler + Send,
    {
        self.register::<F>(vector, Functions::threaded(), flags, name, make)
    }

    fn register<F>(
        self,
        vector: IrqVector<'_, impl Copy>,
        functions: Functions<F::Of<'a>>,
        flags: Flags,
        name: &CStr,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<F::Of<'h>>,
    ) -> Result<IrqHandle<'a, F::Of<'a>>>
    where
        F: CovariantForLt + 'static,
        for<'h> F::Of<'h>: Send + Sync,
    {
        let allocation = vector.of(self.dev)?;
        let handler = make(Lend::new(self.dev))?;
        // SAFETY: `make` is generic over the lifetime of what the handler borrows. So each part was
        // lent, and stays until devres releases it, or it is `'static`.
        let token =
            unsafe { functions.register(&allocation, vector.index, flags, name, Ok(handler)) }?;
        // SAFETY: The registry has just given out the token for a `Named<F::Of<'a>>`.
        Ok(unsafe { IrqHandle::new(self.registry, token) })
    }
}

/// Lends what the device hands out for the whole binding: to a handler, or to the data of
/// [`Device::while_bound`].
///
/// # Soundness
///
/// - It can be forgotten or copied, because it owns nothing.
/// - It cannot be sent to another thread, and ends with the closure that it was given to. The
///   closure is generic over `'h`, so only what the closure returns can have that lifetime.
/// - What it lends is released after what the closure returned, on every path.
#[derive(Clone, Copy)]
pub struct Lend<'h> {
    dev: *const Device<Bound>,
    _invariant: PhantomData<fn(&'h ()) -> &'h ()>,
}

impl<'h> Lend<'h> {
    pub(super) fn new(dev: &Device<Bound>) -> Self {
        Self {
            dev,
            _invariant: PhantomData,
        }
    }

    /// Lends registers of the device. Does not sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` when `bar` is that of another device.
    pub fn bar<const SIZE: usize>(
        &self,
        bar: ManagedBar<'_, SIZE>,
    ) -> Result<ManagedBar<'h, SIZE>> {
        if !bar.is_of(self.dev) {
            return Err(EINVAL);
        }
        // SAFETY: Handlers and data are released before devres unmaps a BAR of the same device, and
        // only the closure that makes them knows `'h`.
        Ok(unsafe { bar.for_handler() })
    }
}
