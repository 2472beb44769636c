// SPDX-License-Identifier: GPL-2.0

//! PCI interrupt vectors and who frees them.
//!
//! C headers: [`include/linux/pci.h`](srctree/include/linux/pci.h),
//! [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h)
//!
//! A driver decides by the call it allocates with:
//!
//! - [`Binding::alloc_irq_vectors`] is explicit: it returns an [`IrqVectorRegistration`], which
//!   owns the vectors and frees them when it is dropped.
//! - [`Binding::pcim_alloc_irq_vectors`] is managed: the device owns the vectors and frees them
//!   when the driver is detached; the [`ManagedIrqVectors`] it returns is a witness of that.
//!
//! [`Device<Core>`](Device) has the same calls, for probe.

use super::{
    affinity::{
        self,
        IrqAffinity, //
    },
    allocation::{
        Allocation,
        Wanted, //
    },
    binding::Binding,
    Device, //
};
use crate::{
    bindings,
    cpumask::CpumaskVar,
    device::{
        Bound,
        Core, //
    },
    irq::IrqRequest,
    prelude::*, //
};

pub use super::irq_types::{
    IrqType,
    IrqTypes, //
};

/// Vectors that the driver owns: dropping this frees them.
///
/// Handlers that were registered through it and are still there are released first. Dropping it may
/// sleep, and waits for whoever else is releasing one of them.
///
/// # Soundness
///
/// - Forgotten, it leaks the vectors until the driver is detached: the device reports that and
///   frees them. Handlers go before, with the binding.
/// - It cannot be cloned; freed or converted, it is used up. What is used later all the same, an
///   INTx guard over a later MSI-X allocation for example, does not find its id and
///   neither reads nor frees.
/// - Sent to another thread, it frees there, under the lock of the binding.
/// - It borrows the bound device, so it is gone when the driver is unbound; in driver data, it is
///   dropped after the remove callback and before devres.
/// - Dropped in the error path of probe it frees, after its handlers.
/// - C code that frees the vectors is found out by the id; what C code did to them is no more than
///   it may do to those of C code.
#[must_use = "the vectors are freed when this is dropped"]
pub struct IrqVectorRegistration<'a>(Allocation<'a>);

impl<'a> IrqVectorRegistration<'a> {
    /// Returns the number of vectors allocated at once, at least the `min_vecs` that was asked for.
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

    /// Returns vector `index`. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when `index` is not less than [`Self::len`], nor that of a vector added later.
    /// - `ENODEV` when C code has freed the vectors.
    pub fn index(&self, index: usize) -> Result<IrqVector<'_>> {
        IrqVector::new(self.0, index, self)
    }

    /// Adds an MSI-X vector: entry `index` of the device's table, or any that is free.
    ///
    /// It is freed together with the others, or by [`Self::remove_vector`]. [`Self::len`] does not
    /// count it. May sleep.
    ///
    /// # Errors
    ///
    /// - `ENOTSUPP` when the vectors are not MSI-X, or the system allocates MSI-X vectors only all
    ///   at once.
    /// - `ENODEV` when C code has freed the vectors, or the driver is being detached.
    /// - `EBUSY` when there is a vector `index`, or no entry is free.
    /// - `ERANGE` when the table has no entry `index`.
    /// - `ENOSPC` when the system has no interrupt left, `ENOMEM` when it has no memory.
    pub fn add_vector(&self, index: Option<usize>) -> Result<IrqVector<'_>> {
        self.index(self.0.add(index)?)
    }

    /// Frees vector `index`, which was added, after its handlers. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when no vector `index` was added.
    /// - `ENODEV` when C code has freed the vectors.
    /// - `EBUSY` when C code has a handler registered on it, which is reported.
    pub fn remove_vector(&mut self, index: usize) -> Result {
        self.0.remove(index)
    }

    /// Frees the vectors, as dropping does, and tells whether that worked. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY`, and the guard, when C code has a handler registered on one of the vectors. Which
    /// one is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{pci, prelude::*};
    ///
    /// # #[allow(dead_code)]
    /// fn down(vectors: pci::IrqVectorRegistration<'_>) -> Result {
    ///     // The guard comes back with the error; here it is dropped, and the device keeps the
    ///     // vectors until the driver is detached.
    ///     vectors.free().map_err(|(e, _)| e)
    /// }
    /// ```
    pub fn free(self) -> Result<(), (Error, Self)> {
        if self.0.free() {
            core::mem::forget(self);
            Ok(())
        } else {
            Err((EBUSY, self))
        }
    }

    /// Gives the vectors to the device, which frees them when the driver is detached. May sleep.
    ///
    /// Handlers that are registered stay.
    ///
    /// # Errors
    ///
    /// With any, the guard comes back:
    ///
    /// - `ENODEV` when C code has freed the vectors, or the driver is being detached.
    /// - `ENOMEM` when there is no memory.
    pub fn into_managed(self) -> Result<ManagedIrqVectors<'a>, (Error, Self)> {
        if let Err(e) = self.0.manage() {
            return Err((e, self));
        }
        let allocation = self.0;
        core::mem::forget(self);
        Ok(ManagedIrqVectors(allocation))
    }
}

impl Drop for IrqVectorRegistration<'_> {
    fn drop(&mut self) {
        // A refusal is reported, and the vectors are left to the device.
        self.0.free();
    }
}

/// A witness that the device owns vectors, which it frees when the driver is detached.
///
/// It can be copied and kept in driver data. `pcim_free_irq_vectors()` refuses to free vectors that
/// a Rust witness stands for, so they are there as long as the driver is bound, unless
/// [`Self::free`] is called on one of the copies, or C code releases the devres group in which they
/// were allocated.
///
/// # Soundness
///
/// - Forgotten, copied or dropped, it makes no difference: it owns nothing. Copies of what has been
///   freed find out by the id: `ENODEV`, also when there are other vectors by then.
/// - Its lifetime is that of a reference to the device, which fits in driver data, but in no
///   handler: its calls may sleep.
/// - Sent to another thread, it works there: every call holds the lock of the binding.
/// - In the destructor of driver data it still reads and frees, and fails with `ENODEV` otherwise.
/// - On the error path of probe the device frees the vectors, after their handlers.
#[derive(Clone, Copy)]
pub struct ManagedIrqVectors<'a>(Allocation<'a>);

impl<'a> ManagedIrqVectors<'a> {
    /// Returns the number of vectors allocated at once, at least the `min_vecs` that was asked for.
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

    /// Returns vector `index`. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when `index` is not less than [`Self::len`], nor that of a vector added later.
    /// - `ENODEV` when the vectors have been freed.
    pub fn index(self, index: usize) -> Result<IrqVector<'a, Self>> {
        IrqVector::new(self.0, index, self)
    }

    /// Adds an MSI-X vector, as [`IrqVectorRegistration::add_vector`] does. The device owns it.
    ///
    /// # Errors
    ///
    /// As [`IrqVectorRegistration::add_vector`].
    pub fn add_vector(self, index: Option<usize>) -> Result<IrqVector<'a, Self>> {
        self.index(self.0.add(index)?)
    }

    /// Frees vector `index`, which was added, after its handlers. May sleep.
    ///
    /// # Errors
    ///
    /// As [`IrqVectorRegistration::remove_vector`].
    pub fn remove_vector(self, index: usize) -> Result {
        self.0.remove(index)
    }

    /// Frees the vectors before the driver is detached, after their handlers, so that the driver
    /// can allocate anew. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` when C code has a handler registered on one of the vectors, which is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{pci, prelude::*};
    ///
    /// /// Allocates vectors for another number of queues.
    /// # #[allow(dead_code)]
    /// fn resize<'a>(
    ///     binding: pci::Binding<'a>,
    ///     old: pci::ManagedIrqVectors<'a>,
    ///     queues: u32,
    /// ) -> Result<pci::ManagedIrqVectors<'a>> {
    ///     old.free()?;
    ///     binding.pcim_alloc_irq_vectors(queues, queues, pci::IrqType::MsiX.into())
    /// }
    /// ```
    pub fn free(self) -> Result {
        if self.0.free() {
            Ok(())
        } else {
            Err(EBUSY)
        }
    }
}

/// One vector of an allocation; `V` is what it was taken from.
///
/// # Soundness
///
/// It owns nothing, so it makes no difference whether it is forgotten or dropped. Of explicit
/// vectors it borrows the guard and is gone before they are freed. Of managed ones there can be
/// copies by which they are freed: registering a handler finds that out under the lock of the
/// binding.
pub struct IrqVector<'a, V = &'a IrqVectorRegistration<'a>> {
    pub(super) allocation: Allocation<'a>,
    pub(super) index: usize,
    irq: u32,
    vectors: V,
}

impl<'a, V: Copy> IrqVector<'a, V> {
    fn new(allocation: Allocation<'a>, index: usize, vectors: V) -> Result<Self> {
        let irq = allocation.irq(&allocation.registry.lock_to_read(), index)?;
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
    /// [`IrqAffinity`] or is an INTx interrupt. May sleep.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the vectors have been freed, or the driver is being detached.
    /// - `EINVAL` when the vector has been removed.
    /// - `ENOMEM` when there is no memory.
    pub fn affinity(&self) -> Result<Option<CpumaskVar>> {
        let allocation = &self.allocation;
        let calls = allocation.registry.lock()?;
        allocation.irq(&calls, self.index)?;
        if allocation.irq_type != IrqType::Intx {
            return affinity::of_vector(allocation.dev, self.index);
        }
        Ok(None)
    }
}

impl<'a> From<IrqVector<'a>> for IrqRequest<'a> {
    /// For [`irq::Registration::new`](crate::irq::Registration::new), which is unsafe; see
    /// [`IrqVector::request`] instead.
    #[inline]
    fn from(vector: IrqVector<'a>) -> Self {
        // SAFETY: `vector.irq` is an interrupt of `dev`.
        unsafe { IrqRequest::new(vector.allocation.dev.as_ref(), vector.irq) }
    }
}

impl<'a> Binding<'a> {
    /// Allocates interrupt vectors that the driver owns.
    ///
    /// Tries MSI-X first, then MSI, then INTx, as far as `irq_types` allows. The vectors are freed
    /// when the returned guard is dropped. May sleep.
    ///
    /// # Errors
    ///
    /// - `EBUSY` when vectors of the device are live, whoever owns them, which is reported.
    /// - `ENODEV` when the driver is being detached.
    /// - `ENOSPC` when less than `min_vecs` vectors are available, or the INTx interrupt is not
    ///   mapped. x86 maps it when the device is enabled while it has no other vectors. Where the
    ///   firmware alone has routed it, to the PIC, it needs no mapping.
    /// - `EINVAL` when the device or the system does not support the types, or `max_vecs`, for MSI
    ///   also `min_vecs`, is 0.
    /// - `ERANGE` when `max_vecs` is less than `min_vecs`.
    /// - `ENOMEM` when there is no memory.
    /// - What else the MSI core fails with.
    pub fn alloc_irq_vectors(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<IrqVectorRegistration<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types);
        let call = bindings::pci_alloc_irq_vectors_affinity;
        Ok(IrqVectorRegistration(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the driver owns, and spreads them over the CPUs.
    ///
    /// As [`Self::alloc_irq_vectors`] otherwise. Spread vectors keep their affinity: users
    /// cannot change it.
    ///
    /// # Errors
    ///
    /// As [`Self::alloc_irq_vectors`], and:
    ///
    /// - `EINVAL` when `min_vecs` is 0 whatever the type, or the vectors that are not spread are
    ///   more than a `u32` counts.
    /// - `ENOSPC` when they are more than `min_vecs`, and `irq_types` has no INTx.
    pub fn alloc_irq_vectors_affinity(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<IrqVectorRegistration<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types).spread(affinity)?;
        let call = bindings::pci_alloc_irq_vectors_affinity;
        Ok(IrqVectorRegistration(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the device owns.
    ///
    /// As [`Self::alloc_irq_vectors`], but the vectors are freed when the driver is detached,
    /// whatever becomes of the returned witness. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Self::alloc_irq_vectors`].
    pub fn pcim_alloc_irq_vectors(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<ManagedIrqVectors<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types);
        let call = bindings::pcim_alloc_irq_vectors_affinity;
        Ok(ManagedIrqVectors(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the device owns, and spreads them over the CPUs.
    ///
    /// As [`Self::alloc_irq_vectors_affinity`] and [`Self::pcim_alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// As [`Self::alloc_irq_vectors_affinity`].
    pub fn pcim_alloc_irq_vectors_affinity(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<ManagedIrqVectors<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types).spread(affinity)?;
        let call = bindings::pcim_alloc_irq_vectors_affinity;
        Ok(ManagedIrqVectors(Allocation::new(self, call, wanted)?))
    }
}

impl<'c> Device<Core<'c>> {
    /// Allocates interrupt vectors that the driver owns: [`Binding::alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// As [`Binding::alloc_irq_vectors`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, pci, prelude::*};
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
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
        self.binding()?
            .alloc_irq_vectors(min_vecs, max_vecs, irq_types)
    }

    /// Allocates and spreads: [`Binding::alloc_irq_vectors_affinity`].
    ///
    /// # Errors
    ///
    /// As [`Binding::alloc_irq_vectors_affinity`].
    pub fn alloc_irq_vectors_affinity(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<IrqVectorRegistration<'_>> {
        self.binding()?
            .alloc_irq_vectors_affinity(min_vecs, max_vecs, irq_types, affinity)
    }

    /// Allocates interrupt vectors that the device owns: [`Binding::pcim_alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// As [`Binding::alloc_irq_vectors`].
    pub fn pcim_alloc_irq_vectors(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<ManagedIrqVectors<'_>> {
        self.binding()?
            .pcim_alloc_irq_vectors(min_vecs, max_vecs, irq_types)
    }

    /// Allocates and spreads: [`Binding::pcim_alloc_irq_vectors_affinity`].
    ///
    /// # Errors
    ///
    /// As [`Binding::alloc_irq_vectors_affinity`].
    pub fn pcim_alloc_irq_vectors_affinity(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<ManagedIrqVectors<'_>> {
        self.binding()?
            .pcim_alloc_irq_vectors_affinity(min_vecs, max_vecs, irq_types, affinity)
    }
}

impl Device<Bound> {
    /// Returns how many vectors of a type the device has, before any are allocated.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the device does not have that type.
    pub fn irq_vector_count(&self, irq_type: IrqType) -> Result<usize> {
        let dev = self.as_raw();
        let count = match irq_type {
            // SAFETY: `dev` is a valid device.
            IrqType::Intx => (unsafe { (*dev).pin } != 0).into(),
            // SAFETY: `dev` is a valid device.
            IrqType::Msi => unsafe { bindings::pci_msi_vec_count(dev) },
            // SAFETY: `dev` is a valid device.
            IrqType::MsiX => unsafe { bindings::pci_msix_vec_count(dev) },
        };
        match usize::try_from(count) {
            Ok(count) if count != 0 => Ok(count),
            _ => Err(EINVAL),
        }
    }
}
