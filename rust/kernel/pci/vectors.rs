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

use super::{
    affinity::IrqAffinity,
    binding::{
        Binding,
        Wanted, //
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
    prelude::*, //
};
use core::num::NonZero;

pub use super::irq_handler::IrqVector;

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

/// No MSI-X table has more entries; the MSI core warns about indexes that no device can have.
const MSIX_TABLE_MAX: usize = 2048;

/// One allocation, as it was when it was made.
///
/// # Invariants
///
/// `id` names an allocation of `len` vectors of `dev`, or of the INTx interrupt `intx`, and no
/// other; the vectors may have been freed since.
#[derive(Clone, Copy)]
pub(super) struct Allocation<'a> {
    pub(super) dev: &'a Device<Bound>,
    pub(super) id: GuardId,
    len: NonZero<usize>,
    pub(super) irq_type: IrqType,
    intx: u32,
}

impl<'a> Allocation<'a> {
    fn new(dev: &'a Device<Bound>, managed: bool, wanted: Wanted) -> Result<Self> {
        let new = Binding::alloc(dev, managed, wanted)?;

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
    pub(super) fn irq(&self, index: usize) -> Result<u32> {
        // Vectors that were added later have the indexes they were asked for.
        let end = match self.irq_type {
            IrqType::MsiX => MSIX_TABLE_MAX,
            IrqType::Msi | IrqType::Intx => self.len.get(),
        };
        if index >= end {
            return Err(EINVAL);
        }
        self.check()?;
        if self.irq_type == IrqType::Intx {
            return Ok(self.intx);
        }
        let index = u32::try_from(index)?;
        // SAFETY: `self.dev` is a valid device.
        let irq = unsafe { bindings::pci_irq_vector(self.dev.as_raw(), index) };
        u32::try_from(irq).map_err(|_| EINVAL)
    }

    /// Adds an MSI-X vector, at `index` or wherever there is room, and returns its index.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when something else than the guard has freed the vectors, or the driver is being
    ///   detached.
    /// - `ENOTSUPP` when the vectors are not MSI-X, or the system allocates them only at once.
    /// - What the MSI core fails with.
    fn add(&self, index: Option<usize>) -> Result<usize> {
        if self.irq_type == IrqType::MsiX {
            if index.is_some_and(|index| index >= MSIX_TABLE_MAX) {
                return Err(ERANGE);
            }
            // `MSI_ANY_INDEX`, which bindgen does not translate.
            let index = index.map_or(Ok(u32::MAX), u32::try_from)?;
            return Binding::get(self.dev)?.exclusively(|| {
                self.check()?;
                // SAFETY: `self.dev` is a valid device; without affinity the last may be null.
                let map = unsafe {
                    bindings::pci_msix_alloc_irq_at(self.dev.as_raw(), index, core::ptr::null())
                };
                usize::try_from(map.index).map_err(|_| Error::from_errno(map.index))
            });
        }
        Err(ENOTSUPP)
    }

    /// Checks that what was allocated is still there.
    ///
    /// An INTx interrupt belongs to the device; whatever was allocated since does not matter.
    ///
    /// # Errors
    ///
    /// `ENODEV` when something else than the guard has freed the vectors.
    pub(super) fn check(&self) -> Result {
        if self.irq_type == IrqType::Intx || ownership::is_guarded(self.dev, self.id) {
            Ok(())
        } else {
            Err(ENODEV)
        }
    }
}

/// Vectors that the driver owns: dropping this frees them.
///
/// Handlers that were registered through it and are still there are released first.
///
/// # Soundness
///
/// - Forgotten, it leaks the vectors until the driver is detached: the device reports that and
///   frees them. Handlers go before, with the binding.
/// - It cannot be cloned; freed or converted, it is used up. What is used later all the same, an
///   INTx guard over a later MSI-X allocation for example, does not find its id and
///   neither reads nor frees.
/// - Sent to another thread, it frees there: the binding serialises that with all other Rust code.
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
    /// It is freed together with the others, not alone. [`Self::len`] does not count it. May
    /// sleep.
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
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and the guard, when there is no memory.
    pub fn into_managed(self) -> Result<ManagedIrqVectors<'a>, (Error, Self)> {
        let allocation = self.0;
        if let Err(e) = Binding::manage(allocation.dev, allocation.id) {
            return Err((e, self));
        }
        core::mem::forget(self);
        Ok(ManagedIrqVectors(allocation))
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
///
/// # Soundness
///
/// - Forgotten, copied or dropped, it makes no difference: it owns nothing.
/// - Its lifetime is that of the binding, which no value outlives that safe code can get at.
///   After unbind there is nobody to use it.
/// - Sent to another thread, it reads the number of a vector under the lock of the MSI core, or
///   adds one under the lock of the binding. Both may sleep: a handler that keeps it does so in its
///   thread only.
/// - On the error path of probe the device frees the vectors, after their handlers.
/// - If C code did free them, the id says so: `ENODEV`.
#[derive(Clone, Copy)]
pub struct ManagedIrqVectors<'c>(Allocation<'c>);

impl<'c> ManagedIrqVectors<'c> {
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
    pub fn index(self, index: usize) -> Result<IrqVector<'c, Self>> {
        IrqVector::new(self.0, index, self)
    }

    /// Adds an MSI-X vector, as [`IrqVectorRegistration::add_vector`] does. The device owns it.
    ///
    /// # Errors
    ///
    /// As [`IrqVectorRegistration::add_vector`].
    pub fn add_vector(self, index: Option<usize>) -> Result<IrqVector<'c, Self>> {
        self.index(self.0.add(index)?)
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
    /// - `EINVAL` when the device or the system does not support the types, or `max_vecs`, for MSI
    ///   also `min_vecs`, is 0.
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
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types.0);
        Ok(IrqVectorRegistration(Allocation::new(self, false, wanted)?))
    }

    /// Allocates interrupt vectors that the driver owns, and spreads them over the CPUs.
    ///
    /// As [`Device::alloc_irq_vectors`] otherwise. Spread vectors keep their affinity: users
    /// cannot change it.
    ///
    /// # Errors
    ///
    /// As [`Device::alloc_irq_vectors`], and:
    ///
    /// - `EINVAL` when `min_vecs` is 0 whatever the type, or the vectors that are not spread are
    ///   more than a `u32` counts.
    /// - `ENOSPC` when they are more than `min_vecs`, and `irq_types` has no INTx.
    pub fn alloc_irq_vectors_affinity(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<IrqVectorRegistration<'_>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types.0).spread(affinity)?;
        Ok(IrqVectorRegistration(Allocation::new(self, false, wanted)?))
    }

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
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types.0);
        Ok(ManagedIrqVectors(Allocation::new(
            self.for_binding(),
            true,
            wanted,
        )?))
    }

    /// Allocates interrupt vectors that the device owns, and spreads them over the CPUs.
    ///
    /// As [`Device::alloc_irq_vectors_affinity`] and [`Device::pcim_alloc_irq_vectors`].
    ///
    /// # Errors
    ///
    /// As [`Device::alloc_irq_vectors_affinity`].
    pub fn pcim_alloc_irq_vectors_affinity(
        &self,
        min_vecs: u32,
        max_vecs: u32,
        irq_types: IrqTypes,
        affinity: IrqAffinity,
    ) -> Result<ManagedIrqVectors<'c>> {
        let wanted = Wanted::new(min_vecs, max_vecs, irq_types.0).spread(affinity)?;
        Ok(ManagedIrqVectors(Allocation::new(
            self.for_binding(),
            true,
            wanted,
        )?))
    }
}
