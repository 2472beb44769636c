// SPDX-License-Identifier: GPL-2.0

//! One allocation of interrupt vectors, whoever owns it.
//!
//! C headers: [`include/linux/pci.h`](srctree/include/linux/pci.h),
//! [`include/linux/pci_irq_vectors.h`](srctree/include/linux/pci_irq_vectors.h)

use super::{
    affinity::IrqAffinity,
    binding::Binding,
    irq_types::{
        IrqType,
        IrqTypes, //
    },
    ownership::{
        self,
        GuardId, //
    },
    registry::{
        new_token,
        Calls,
        Registry, //
    },
    Device, //
};
use crate::{
    bindings,
    device::Bound,
    error::to_result,
    prelude::*, //
};
use core::ptr;

/// The largest number of entries of an MSI-X table. The MSI core warns about larger indexes.
const MSIX_TABLE_MAX: usize = 2048;

/// The arguments of an allocation.
pub(super) struct Wanted {
    min_vecs: u32,
    max_vecs: u32,
    flags: u32,
    affinity: Option<bindings::irq_affinity>,
}

impl Wanted {
    /// C stores the numbers in an `int`; above `i32::MAX` they would be negative.
    const MOST: u32 = i32::MAX as u32;

    /// # Errors
    ///
    /// `EINVAL` or `ERANGE`, see [`Binding::alloc_irq_vectors`]. C checks the numbers for MSI and
    /// MSI-X only.
    ///
    /// [`Binding::alloc_irq_vectors`]: super::Binding::alloc_irq_vectors
    pub(super) fn new(min_vecs: u32, max_vecs: u32, irq_types: IrqTypes) -> Result<Self> {
        if max_vecs == 0 {
            return Err(EINVAL);
        }
        if max_vecs < min_vecs {
            return Err(ERANGE);
        }
        Ok(Self {
            min_vecs: min_vecs.min(Self::MOST),
            max_vecs: max_vecs.min(Self::MOST),
            flags: irq_types.as_raw(),
            affinity: None,
        })
    }

    /// Asks for the vectors to be spread.
    ///
    /// # Errors
    ///
    /// `EINVAL` for requests that C trusts its callers not to make. The sum of the vectors that are
    /// not spread may overflow, and C would write beyond its array of masks. With a minimum of 0
    /// the allocation would succeed without a vector.
    pub(super) fn spread(mut self, affinity: IrqAffinity) -> Result<Self> {
        let rest = affinity.pre_vectors.checked_add(affinity.post_vectors);
        if rest.is_none() || self.min_vecs == 0 {
            return Err(EINVAL);
        }
        self.flags |= bindings::PCI_IRQ_AFFINITY;
        self.affinity = Some(affinity.into_raw());
        Ok(self)
    }
}

/// `pci_alloc_irq_vectors_affinity()` or `pcim_alloc_irq_vectors_affinity()`.
pub(super) type AllocCall = unsafe extern "C" fn(
    *mut bindings::pci_dev,
    c_uint,
    c_uint,
    c_uint,
    *mut bindings::irq_affinity,
) -> c_int;

/// One allocation, as it was when it was made.
///
/// # Invariants
///
/// - `id` names an allocation of `len` vectors of `dev`, or of the INTx interrupt `intx`, and no
///   other; the vectors may have been freed since.
/// - `registry` is the one of `dev`.
#[derive(Clone, Copy)]
pub(super) struct Allocation<'a> {
    pub(super) dev: &'a Device<Bound>,
    pub(super) registry: &'a Registry,
    pub(super) id: GuardId,
    pub(super) len: usize,
    pub(super) irq_type: IrqType,
    intx: u32,
}

impl<'a> Allocation<'a> {
    pub(super) fn new(binding: Binding<'a>, call: AllocCall, mut wanted: Wanted) -> Result<Self> {
        let Binding { dev, registry, .. } = binding;
        let affd = wanted
            .affinity
            .as_mut()
            .map_or(ptr::null_mut(), ptr::from_mut);
        let id = new_token();

        let _calls = registry.lock()?;
        // SAFETY: `dev` is a valid device, and its driver makes this call. The lock excludes a
        // second one. `affd` is null or points into `wanted`.
        let ret = unsafe {
            call(
                dev.as_raw(),
                wanted.min_vecs,
                wanted.max_vecs,
                wanted.flags,
                affd,
            )
        };
        to_result(ret)?;
        let irq_type = match ownership::live(dev) {
            Some(irq_type) => {
                ownership::set_guard(dev, id);
                irq_type
            }
            // SAFETY: `dev` is a valid device.
            None if unsafe { bindings::pci_intx_is_mapped(dev.as_raw()) } => IrqType::Intx,
            // There is nothing to free.
            None => return Err(ENOSPC),
        };

        // INVARIANT: This is what was just allocated.
        Ok(Self {
            dev,
            registry,
            id,
            len: usize::try_from(ret)?,
            irq_type,
            // SAFETY: `dev` is a valid device; nobody changes its interrupt while the lock is held.
            intx: unsafe { (*dev.as_raw()).irq },
        })
    }

    /// Returns the interrupt number of vector `index`, while the registry is locked.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when there is no vector `index`.
    /// - `ENODEV` when something else than the guard has freed the vectors.
    pub(super) fn irq(&self, calls: &Calls, index: usize) -> Result<u32> {
        // A vector that was added later has the index that it was added with.
        let end = match self.irq_type {
            IrqType::MsiX => MSIX_TABLE_MAX,
            IrqType::Msi | IrqType::Intx => self.len,
        };
        if index >= end {
            return Err(EINVAL);
        }
        self.check(calls)?;
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
    /// See [`IrqVectorRegistration::add_vector`].
    pub(super) fn add(&self, index: Option<usize>) -> Result<usize> {
        if self.irq_type != IrqType::MsiX {
            return Err(ENOTSUPP);
        }
        if index.is_some_and(|index| index >= MSIX_TABLE_MAX) {
            return Err(ERANGE);
        }
        // `MSI_ANY_INDEX`, which bindgen does not translate.
        let index = index.map_or(Ok(u32::MAX), u32::try_from)?;
        let calls = self.registry.lock()?;
        self.check(&calls)?;
        // SAFETY: `self.dev` is a valid device. The last argument may be null, which means no
        // affinity.
        let map = unsafe { bindings::pci_msix_alloc_irq_at(self.dev.as_raw(), index, ptr::null()) };
        usize::try_from(map.index).map_err(|_| Error::from_errno(map.index))
    }

    /// Frees an MSI-X vector that was added, after its handlers.
    ///
    /// # Errors
    ///
    /// See [`IrqVectorRegistration::remove_vector`].
    pub(super) fn remove(&self, index: usize) -> Result {
        if self.irq_type != IrqType::MsiX || index < self.len {
            return Err(EINVAL);
        }
        let calls = self.registry.release_vector(self.id, index);
        let irq = self.irq(&calls, index)?;
        let map = bindings::msi_map {
            index: c_int::try_from(index)?,
            virq: c_int::try_from(irq)?,
        };
        // SAFETY: `self.dev` is a valid device, and the vector exists and was added.
        unsafe { bindings::pci_msix_free_irq(self.dev.as_raw(), map) };
        // The call is refused if C code has registered a handler on the vector.
        if self.irq(&calls, index).is_ok() {
            return Err(EBUSY);
        }
        Ok(())
    }

    /// Gives the vectors to the device.
    ///
    /// # Errors
    ///
    /// See [`IrqVectorRegistration::into_managed`].
    pub(super) fn manage(&self) -> Result {
        let _calls = self.registry.lock()?;
        if self.irq_type == IrqType::Intx {
            return Ok(());
        }
        ownership::manage_guarded(self.dev, self.id)
    }

    /// Frees the vectors, and returns whether they are gone.
    pub(super) fn free(&self) -> bool {
        self.registry.free(self.dev, self.id)
    }

    /// Checks that the allocation still exists. The registry must be locked.
    ///
    /// An INTx interrupt belongs to the device and always exists.
    ///
    /// # Errors
    ///
    /// `ENODEV` when something else than the guard has freed the vectors.
    fn check(&self, _calls: &Calls) -> Result {
        if self.irq_type == IrqType::Intx || ownership::is_guarded(self.dev, self.id) {
            Ok(())
        } else {
            Err(ENODEV)
        }
    }
}

#[cfg(all(CONFIG_KUNIT = "y", CONFIG_PCI_DEVRES_RUST_TEST))]
#[path = "allocation_tests.rs"]
mod tests;
