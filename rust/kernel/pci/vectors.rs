// SPDX-License-Identifier: GPL-2.0

//! PCI interrupt vectors and who frees them.
//!
//! C headers: [`include/linux/pci.h`](srctree/include/linux/pci.h),
//! [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h)
//!
//! The call with which a driver allocates decides who frees:
//!
//! - [`Binding::alloc_irq_vectors`] is explicit: it returns an [`IrqVectorRegistration`], which
//!   owns the vectors and frees them when it is dropped.
//! - [`Binding::pcim_alloc_irq_vectors`] is managed: the device owns the vectors and frees them
//!   when the driver is detached. The [`ManagedIrqVectors`] that it returns is a witness of that.
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
/// sleep, and waits for other tasks that are releasing one of them.
///
/// # Soundness
///
/// - If it is forgotten, the vectors leak until the driver is detached: then that is reported, and
///   the vectors are freed. Their handlers are released before, at the end of the binding.
/// - It cannot be cloned, and freeing or converting it uses it up. A guard whose allocation is
///   gone does not find its id, and neither reads nor frees. An INTx guard goes on naming the line
///   of the device after a later MSI-X allocation, and frees nothing.
/// - It can be sent to another thread and dropped there; it frees under the lock of the binding.
/// - It borrows the bound device, so it is gone when the driver is unbound. In driver data it is
///   dropped after the remove callback and before devres releases anything.
/// - On the error path of probe it is dropped, and frees the vectors after their handlers.
/// - If C code frees the vectors, the guard notices by the id. C code can do no more to them than
///   to vectors of a C driver.
#[must_use = "the vectors are freed when this is dropped"]
pub struct IrqVectorRegistration<'a>(Allocation<'a>);

impl<'a> IrqVectorRegistration<'a> {
    /// Returns the number of vectors allocated at once, at least the `min_vecs` that was asked for.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len
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

    /// Frees the vectors, as dropping does, and returns whether that worked. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY`, and the guard, when C code has a handler registered on one of the vectors. Which
    /// one is reported. The device is silenced then: none of its vectors interrupts any more until
    /// they are freed and allocated anew.
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
    /// Each error returns the guard:
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
        // A refusal is reported, and the vectors stay until the driver is detached.
        self.0.free();
    }
}

/// A witness that the device owns vectors, which it frees when the driver is detached.
///
/// It can be copied and kept in driver data. `pcim_free_irq_vectors()` refuses to free vectors that
/// a Rust guard holds, so they exist as long as the driver is bound, unless [`Self::free`]
/// is called on one of the copies, or C code releases the devres group in which they were
/// allocated.
///
/// # Soundness
///
/// - It can be forgotten, copied or dropped, because it owns nothing. When the vectors have been
///   freed, the calls of its copies do not find the id and fail with `ENODEV`, also if there are
///   other vectors by then.
/// - Its lifetime is that of a reference to the device, so driver data can keep it. A handler
///   cannot, because its calls may sleep.
/// - It can be sent to another thread, because every call holds the lock of the binding.
/// - In the destructor of driver data it can still read and free; other calls fail with `ENODEV`.
/// - On the error path of probe the device frees the vectors, after their handlers.
#[derive(Clone, Copy)]
pub struct ManagedIrqVectors<'a>(Allocation<'a>);

impl<'a> ManagedIrqVectors<'a> {
    /// Returns the number of vectors allocated at once, at least the `min_vecs` that was asked for.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len
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
    /// See [`IrqVectorRegistration::add_vector`].
    pub fn add_vector(self, index: Option<usize>) -> Result<IrqVector<'a, Self>> {
        self.index(self.0.add(index)?)
    }

    /// Frees vector `index`, which was added, after its handlers. May sleep.
    ///
    /// # Errors
    ///
    /// See [`IrqVectorRegistration::remove_vector`].
    pub fn remove_vector(self, index: usize) -> Result {
        self.0.remove(index)
    }

    /// Frees the vectors before the driver is detached, after their handlers, so that the driver
    /// can allocate anew. May sleep.
    ///
    /// # Errors
    ///
    /// `EBUSY` when C code has a handler registered on one of the vectors, which is reported. The
    /// device is silenced then, as by [`IrqVectorRegistration::free`].
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

/// One vector of an allocation. `V` is the type that it was taken from.
///
/// # Soundness
///
/// - It can be forgotten or dropped, because it owns nothing.
/// - It can be sent to another thread; each call takes the lock of the binding.
/// - A vector of an explicit allocation borrows the guard, so it is gone before the vectors are
///   freed. Managed vectors can be freed through another copy of the witness, and the driver be
///   detached; the calls check for that under the lock, and fail with `ENODEV`.
/// - A handler cannot keep it, because it has the lifetime of a guard or of a witness.
/// - C code may free the vectors. Then the calls fail as well, because the allocation has a number.
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
    /// This is for [`irq::Registration::new`](crate::irq::Registration::new), which is unsafe.
    /// [`IrqVector::request`] is the safe way.
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
    ///   mapped. x86 maps it when the device is enabled while it has no other vectors. If only the
    ///   firmware has routed it, to the PIC, it needs no mapping.
    /// - `EINVAL` when the device or the system does not support the types, or `max_vecs`, for MSI
    ///   also `min_vecs`, is 0.
    /// - `ERANGE` when `max_vecs` is less than `min_vecs`.
    /// - `ENOMEM` when there is no memory.
    /// - Any other error of the MSI core.
    pub fn alloc_irq_vectors(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<IrqVectorRegistration<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types)?;
        let call = bindings::pci_alloc_irq_vectors_affinity;
        Ok(IrqVectorRegistration(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the driver owns, and spreads them over the CPUs.
    ///
    /// Otherwise it does the same as [`Self::alloc_irq_vectors`]. Spread vectors keep their
    /// affinity: users cannot change it.
    ///
    /// # Errors
    ///
    /// Those of [`Self::alloc_irq_vectors`], and:
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
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types)?.spread(affinity)?;
        let call = bindings::pci_alloc_irq_vectors_affinity;
        Ok(IrqVectorRegistration(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the device owns.
    ///
    /// It does the same as [`Self::alloc_irq_vectors`], but the vectors are freed when the driver
    /// is detached, whatever becomes of the returned witness. May sleep.
    ///
    /// # Errors
    ///
    /// See [`Self::alloc_irq_vectors`].
    pub fn pcim_alloc_irq_vectors(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<ManagedIrqVectors<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types)?;
        let call = bindings::pcim_alloc_irq_vectors_affinity;
        Ok(ManagedIrqVectors(Allocation::new(self, call, wanted)?))
    }

    /// Allocates interrupt vectors that the device owns, and spreads them over the CPUs.
    ///
    /// See [`Self::alloc_irq_vectors_affinity`] and [`Self::pcim_alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// See [`Self::alloc_irq_vectors_affinity`].
    pub fn pcim_alloc_irq_vectors_affinity(
        self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<ManagedIrqVectors<'a>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types)?.spread(affinity)?;
        let call = bindings::pcim_alloc_irq_vectors_affinity;
        Ok(ManagedIrqVectors(Allocation::new(self, call, wanted)?))
    }
}

impl<'c> Device<Core<'c>> {
    /// Allocates interrupt vectors that the driver owns: [`Binding::alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// See [`Binding::alloc_irq_vectors`].
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

    /// Allocates interrupt vectors that the device owns: [`Binding::pcim_alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// See [`Binding::alloc_irq_vectors`].
    pub fn pcim_alloc_irq_vectors(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
    ) -> Result<ManagedIrqVectors<'_>> {
        self.binding()?
            .pcim_alloc_irq_vectors(min_vecs, max_vecs, irq_types)
    }
}

impl Device<Bound> {
    /// Returns how many vectors of a type the device has, before any are allocated. It reads
    /// configuration space and does not sleep.
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
