// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers of a PCI device's vectors.
//!
//! [`IrqVector::request`] is safe in both models, because what makes it sound is not in the hands
//! of the driver:
//!
//! - The handler is kept by the device until the driver is unbound, not by the value that is
//!   returned. Forgetting that value, or the guard of the vectors, leaves the handler registered
//!   with everything it uses alive.
//! - It is released before the vectors are: by the destructor of the guard, by the end of the
//!   driver's remove callback and by a failing probe. So it is gone before driver data is
//!   dropped, before devres releases BARs, and before the text of the module is.
//! - It borrows nothing that can go earlier. `H: 'c` with the `'c` of [`Core<'c>`](device::Core)
//!   leaves values that live for ever, and values that the device hands out for the whole binding,
//!   such as [`ManagedBar`](super::ManagedBar). A driver's callback is generic over `'c`, and
//!   `'c` is invariant, so no local variable and no argument of the callback can satisfy it.
//! - Only the driver's own bus callbacks see a [`Device<Core>`](Device). Code of another module
//!   with a reference to a bound device cannot register handlers whose text could go away.

use super::{
    affinity,
    binding::{
        Binding,
        Registered,
        Token, //
    },
    irq::Allocation,
    Device,
    IrqType,
    IrqVectorRegistration, //
};
use crate::{
    cpumask::CpumaskVar,
    device::{
        Bound,
        Core, //
    },
    irq::{
        self,
        Flags,
        IrqRequest, //
    },
    prelude::*,
    str::CStr,
};
use core::marker::PhantomData;

/// One vector of an allocation; `V` is what it was taken from.
///
/// # Soundness
///
/// It owns nothing, so it makes no difference whether it is forgotten or dropped. For explicit vectors
/// it borrows the guard and is gone before they are freed; managed ones it outlives at most if C code
/// frees them, and then registering a handler fails with `ENODEV`, by the id of the allocation. Its
/// lifetime ends with the binding.
pub struct IrqVector<'a, V = &'a IrqVectorRegistration<'a>> {
    allocation: Allocation<'a>,
    index: usize,
    irq: u32,
    vectors: V,
}

impl<'a, V: Copy> IrqVector<'a, V> {
    pub(super) fn new(allocation: Allocation<'a>, index: usize, vectors: V) -> Result<Self> {
        let irq = allocation.irq(index)?;
        Ok(Self {
            allocation,
            index,
            irq,
            vectors,
        })
    }

    /// Returns what this vector was taken from.
    #[inline]
    pub fn vectors(&self) -> V {
        self.vectors
    }

    /// Returns the interrupt type of the vector.
    #[inline]
    pub fn irq_type(&self) -> IrqType {
        self.allocation.irq_type
    }

    /// Returns the Linux interrupt number, as `/proc/interrupts` shows it.
    #[inline]
    pub fn irq(&self) -> u32 {
        self.irq
    }

    /// Returns the CPUs that the vector was spread to, or `None` if it was allocated without an
    /// [`IrqAffinity`](super::IrqAffinity) or is an INTx interrupt.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when C code has freed the vectors.
    /// - `ENOMEM` when there is no memory.
    pub fn affinity(&self) -> Result<Option<CpumaskVar>> {
        let allocation = &self.allocation;
        allocation.check()?;
        if allocation.irq_type != IrqType::Intx {
            return affinity::of_vector(allocation.dev, self.index);
        }
        Ok(None)
    }

    /// Registers a handler for the vector.
    ///
    /// `dev` proves that this is the driver of the device, in one of its callbacks. The handler
    /// may run before this returns. May sleep; so does dropping the returned handle.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when the vector is not one of `dev`.
    /// - `ENODEV` when C code has freed the vectors.
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
        name: &'static CStr,
        handler: impl PinInit<H, Error> + 'b,
    ) -> Result<IrqHandle<'b>>
    where
        'a: 'b,
        H: irq::Handler + Send + 'c,
    {
        self.register(dev, |request| {
            // SAFETY: The box goes to the binding, which drops it; nobody else has it.
            let init = unsafe { irq::Registration::new(request, flags, name, handler) };
            KBox::pin_init(init, GFP_KERNEL)
        })
    }

    /// Registers a handler of which a part runs in a thread of its own.
    ///
    /// As [`Self::request`] otherwise.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn request_threaded<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        flags: Flags,
        name: &'static CStr,
        handler: impl PinInit<H, Error> + 'b,
    ) -> Result<IrqHandle<'b>>
    where
        'a: 'b,
        H: irq::ThreadedHandler + Send + 'c,
    {
        self.register(dev, |request| {
            // SAFETY: The box goes to the binding, which drops it; nobody else has it.
            let init = unsafe { irq::ThreadedRegistration::new(request, flags, name, handler) };
            KBox::pin_init(init, GFP_KERNEL)
        })
    }

    /// Has `register` make a registration, and the binding keep it.
    fn register<'b, 'c, R: Registered + 'b>(
        self,
        dev: &'b Device<Core<'c>>,
        register: impl FnOnce(IrqRequest<'b>) -> Result<Pin<KBox<R>>>,
    ) -> Result<IrqHandle<'b>>
    where
        'a: 'b,
    {
        let allocation = self.allocation;
        if dev.as_raw() != allocation.dev.as_raw() {
            return Err(EINVAL);
        }
        // C code may have freed the vectors since `self` was made. Rust code has not, and does not
        // from here on: `self` borrows the guard.
        allocation.check()?;

        // SAFETY: `self.irq` is an interrupt of `dev`.
        let registered = register(unsafe { IrqRequest::new(dev.as_ref(), self.irq) })?;
        // SAFETY: The binding keeps it in its box until it drops it.
        let registered = unsafe { Pin::into_inner_unchecked(registered) };
        let registered: KBox<dyn Registered + 'b> = registered;

        // SAFETY: What the handler borrows outlives `'c`, the time of a callback that the driver
        // cannot choose. So it lives for ever or comes from a value that the device hands out for
        // the binding, and is there until devres releases it, after the remove callback or probe.
        let token = unsafe { Binding::keep(allocation.dev, allocation.id, registered) }?;

        // INVARIANT: The binding has just given out the token.
        Ok(IrqHandle {
            dev: allocation.dev,
            token,
            _vectors: PhantomData,
        })
    }
}

impl<'a, V> From<IrqVector<'a, V>> for IrqRequest<'a> {
    /// For [`irq::Registration::new`], which is unsafe; see [`IrqVector::request`] instead.
    #[inline]
    fn from(vector: IrqVector<'a, V>) -> Self {
        // SAFETY: `vector.irq` is an interrupt of `dev`.
        unsafe { IrqRequest::new(vector.allocation.dev.as_ref(), vector.irq) }
    }
}

/// A handler that is registered: dropping this releases it and waits until it does not run.
///
/// While it is there the guard of the vectors cannot be dropped. It is a token only: the handler
/// belongs to the device, and forgetting the token leaves the handler to the end of the binding.
///
/// Of managed vectors it can be kept in driver data, to release the handler early. In a handler it
/// cannot be kept: it would wait for the handler that drops it.
///
/// # Soundness
///
/// - Forgotten, it leaves the handler to the guard of the vectors and to the end of the binding.
/// - It cannot be cloned. The token has no second meaning: once the handler is gone, dropping the
///   handle does nothing, also in a later binding.
/// - Sent to another thread, it releases the handler there, which may sleep; whoever unbinds the
///   driver meanwhile waits for that. The reverse is not so: if the handler is being released
///   because the driver is unbound, dropping the handle does not wait.
/// - It borrows the device, and for explicit vectors the guard: it is gone before they are.
/// - On the error path of probe it releases, unless the handler is released already.
///
/// # Invariants
///
/// `token` names a handler that the binding of `dev` keeps, or one that was released since.
#[must_use = "the handler is released when this is dropped; see until_unbind()"]
pub struct IrqHandle<'a> {
    dev: &'a Device<Bound>,
    token: Token,
    _vectors: PhantomData<&'a IrqVectorRegistration<'a>>,
}

impl IrqHandle<'_> {
    /// Leaves the handler registered until the vectors are freed or the driver is unbound.
    pub fn until_unbind(self) {
        core::mem::forget(self);
    }
}

impl Drop for IrqHandle<'_> {
    fn drop(&mut self) {
        Binding::release(self.dev, self.token);
    }
}
