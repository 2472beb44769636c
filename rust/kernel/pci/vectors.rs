// SPDX-License-Identifier: GPL-2.0

//! PCI interrupt vectors and who frees them.
//!
//! C headers: [`include/linux/pci.h`](srctree/include/linux/pci.h),
//! [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h)
//!
//! A driver decides by the call it allocates with:
//!
//! - [`Device::alloc_irq_vectors`] is explicit: it returns an [`IrqVectorRegistration`], which
//!   owns the vectors and frees them when it is dropped.
//! - [`Device::pcim_alloc_irq_vectors`] is managed: the device owns the vectors and frees them
//!   when the driver is detached; the [`ManagedIrqVectors`] it returns is a witness of that.
//!
//! # Handlers
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
    binding::{
        Binding,
        Registered,
        Token, //
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
use core::{
    marker::PhantomData,
    num::NonZero, //
};

/// How a device signals an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IrqType {
    /// INTx interrupts, which several devices may share.
    Intx,
    /// Message Signaled Interrupts (MSI).
    Msi,
    /// Extended Message Signaled Interrupts (MSI-X).
    MsiX,
}

impl IrqType {
    /// Returns the flag of the C API.
    const fn flag(self) -> u32 {
        match self {
            Self::Intx => bindings::PCI_IRQ_INTX,
            Self::Msi => bindings::PCI_IRQ_MSI,
            Self::MsiX => bindings::PCI_IRQ_MSIX,
        }
    }

    /// Returns the name the PCI specification uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intx => "INTx",
            Self::Msi => "MSI",
            Self::MsiX => "MSI-X",
        }
    }
}

/// The types of interrupt that an allocation may choose from.
///
/// # Examples
///
/// ```
/// use kernel::pci::{IrqType, IrqTypes};
///
/// // Messages, but not INTx.
/// let types = IrqTypes::default().with(IrqType::Msi).with(IrqType::MsiX);
/// # let _ = types;
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct IrqTypes(u32);

impl IrqTypes {
    /// MSI-X, MSI and INTx.
    pub const fn all() -> Self {
        Self(bindings::PCI_IRQ_ALL_TYPES)
    }

    /// Adds a type.
    pub const fn with(self, irq_type: IrqType) -> Self {
        Self(self.0 | irq_type.flag())
    }
}

/// One allocation, as it was when it was made.
///
/// # Invariants
///
/// `id` names an allocation of `len` vectors of `dev`, or of the INTx interrupt `intx`, and no
/// other; the vectors may have been freed since.
#[derive(Clone, Copy)]
struct Allocation<'a> {
    dev: &'a Device<Bound>,
    id: GuardId,
    len: NonZero<usize>,
    irq_type: IrqType,
    intx: u32,
}

impl<'a> Allocation<'a> {
    fn new(
        dev: &'a Device<Bound>,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        managed: bool,
    ) -> Result<Self> {
        let new = Binding::alloc(dev, min_vecs, max_vecs, irq_types.0, managed)?;

        // INVARIANT: This is what was just allocated.
        Ok(Self {
            dev,
            id: new.id,
            len: new.len,
            irq_type: new.irq_type,
            intx: new.irq,
        })
    }

    /// Returns the interrupt number of vector `index`.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when there is no vector `index`.
    /// - `ENODEV` when something else than the guard has freed the vectors.
    fn irq(&self, index: usize) -> Result<u32> {
        if index >= self.len.get() {
            return Err(EINVAL);
        }
        // An INTx interrupt belongs to the device; whatever was allocated since does not matter.
        if self.irq_type == IrqType::Intx {
            return Ok(self.intx);
        }
        if !ownership::is_guarded(self.dev, self.id) {
            return Err(ENODEV);
        }
        let index = u32::try_from(index)?;
        // SAFETY: `self.dev` is a valid device.
        let irq = unsafe { bindings::pci_irq_vector(self.dev.as_raw(), index) };
        u32::try_from(irq).map_err(|_| EINVAL)
    }
}

/// Vectors that the driver owns: dropping this frees them.
///
/// Handlers that were registered through it and are still there are released first. Forgetting it
/// leaks the vectors until the driver is detached: the device reports that and frees them.
#[must_use = "the vectors are freed when this is dropped"]
pub struct IrqVectorRegistration<'a>(Allocation<'a>);

impl<'a> IrqVectorRegistration<'a> {
    /// Returns the number of allocated vectors, at least the `min_vecs` that was asked for.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len.get()
    }

    /// Returns the interrupt type the PCI core selected.
    #[inline]
    pub fn irq_type(&self) -> IrqType {
        self.0.irq_type
    }

    /// Returns vector `index`.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when `index` is not less than [`Self::len`].
    /// - `ENODEV` when C code has freed the vectors.
    pub fn index(&self, index: usize) -> Result<IrqVector<'_>> {
        IrqVector::new(self.0, index, self)
    }
}

impl<'a> IrqVectorRegistration<'a> {
    /// Frees the vectors, as dropping does, and tells whether that worked. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY`, and the guard, when C code has a handler registered on one of the vectors. Which
    /// one is reported.
    pub fn free(self) -> Result<(), (Error, Self)> {
        if Binding::free(self.0.dev, self.0.id) {
            core::mem::forget(self);
            Ok(())
        } else {
            Err((EBUSY, self))
        }
    }

    /// Gives the vectors to the device, which frees them when the driver is detached.
    ///
    /// Handlers that are registered stay.
    pub fn into_managed(self) -> ManagedIrqVectors<'a> {
        let allocation = self.0;
        core::mem::forget(self);
        Binding::manage(allocation.dev, allocation.id);
        ManagedIrqVectors(allocation)
    }
}

impl Drop for IrqVectorRegistration<'_> {
    fn drop(&mut self) {
        // A refusal is reported, and the vectors are left to the device.
        Binding::free(self.0.dev, self.0.id);
    }
}

/// A witness that the device owns vectors, which it frees when the driver is detached.
///
/// It can be copied and kept in driver data. `pcim_free_irq_vectors()` refuses to free vectors that
/// a Rust witness stands for, so they are there as long as the driver is bound, unless C code frees
/// one of them, or releases a devres group in which the first allocation was made.
#[derive(Clone, Copy)]
pub struct ManagedIrqVectors<'c>(Allocation<'c>);

impl<'c> ManagedIrqVectors<'c> {
    /// Returns the number of allocated vectors, at least the `min_vecs` that was asked for.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len.get()
    }

    /// Returns the interrupt type the PCI core selected.
    #[inline]
    pub fn irq_type(&self) -> IrqType {
        self.0.irq_type
    }

    /// Returns vector `index`.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when `index` is not less than [`Self::len`].
    /// - `ENODEV` when C code has freed the vectors.
    pub fn index(&self, index: usize) -> Result<IrqVector<'_, &Self>> {
        IrqVector::new(self.0, index, self)
    }
}

/// One vector of an allocation; `V` is what it was taken from.
pub struct IrqVector<'a, V = &'a IrqVectorRegistration<'a>> {
    allocation: Allocation<'a>,
    irq: u32,
    vectors: V,
}

impl<'a, V: Copy> IrqVector<'a, V> {
    fn new(allocation: Allocation<'a>, index: usize, vectors: V) -> Result<Self> {
        let irq = allocation.irq(index)?;
        Ok(Self {
            allocation,
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
    ) -> Result<IrqHandle<'a>>
    where
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
    ) -> Result<IrqHandle<'a>>
    where
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
    ) -> Result<IrqHandle<'a>> {
        let allocation = self.allocation;
        if dev.as_raw() != allocation.dev.as_raw() {
            return Err(EINVAL);
        }
        // C code may have freed the vectors since `self` was made. Rust code has not, and does not
        // from here on: `self` borrows the guard.
        if allocation.irq_type != IrqType::Intx
            && !ownership::is_guarded(allocation.dev, allocation.id)
        {
            return Err(ENODEV);
        }

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

impl Device<Bound> {
    /// Allocates interrupt vectors that the driver owns.
    ///
    /// Tries MSI-X first, then MSI, then INTx, as far as `irq_types` allows. The vectors are freed
    /// when the returned guard is dropped. May sleep.
    ///
    /// # Errors
    ///
    /// - `EBUSY` when vectors of the device are live, whoever owns them.
    /// - `ENODEV` when the driver of the device is being detached.
    /// - `ENOSPC` when less than `min_vecs` vectors are available.
    /// - `EINVAL` when the device or the system does not support the types, or `min_vecs` is 0.
    /// - `ERANGE` when `max_vecs` is less than `min_vecs`.
    /// - `ENOMEM` when there is no memory.
    /// - What else the MSI core fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Bound, pci, prelude::*};
    ///
    /// # #[allow(dead_code)]
    /// fn allocate(pdev: &pci::Device<Bound>) -> Result {
    ///     // Four messages or more, but not INTx.
    ///     let messages = pci::IrqTypes::default()
    ///         .with(pci::IrqType::Msi)
    ///         .with(pci::IrqType::MsiX);
    ///     let vectors = pdev.alloc_irq_vectors(4, 16, messages)?;
    ///     pr_info!("{} vectors\n", vectors.len());
    ///     // Freed here.
    ///     Ok(())
    /// }
    /// ```
    pub fn alloc_irq_vectors(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<IrqVectorRegistration<'_>> {
        let allocation = Allocation::new(self, min_vecs, max_vecs, irq_types, false)?;
        Ok(IrqVectorRegistration(allocation))
    }
}

impl<'c> Device<Core<'c>> {
    /// Allocates interrupt vectors that the device owns.
    ///
    /// As [`Device::alloc_irq_vectors`], but the vectors are freed when the driver is detached,
    /// whatever becomes of the returned witness. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Device::alloc_irq_vectors`].
    pub fn pcim_alloc_irq_vectors(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<ManagedIrqVectors<'c>> {
        let allocation = Allocation::new(self.for_binding(), min_vecs, max_vecs, irq_types, true)?;
        Ok(ManagedIrqVectors(allocation))
    }
}
