// SPDX-License-Identifier: GPL-2.0

//! A device that devres disables, and BARs of it that devres unmaps.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::Device;
use crate::{
    bindings,
    device::{
        Bound,
        Core, //
    },
    devres::check_module,
    error::{
        from_err_ptr,
        to_result, //
    },
    io::{
        IoBase,
        Mmio,
        MmioBackend,
        MmioRaw,
        Region, //
    },
    prelude::*,
    str::CStr,
    types::NotThreadSafe, //
};

impl<'c> Device<Core<'c>> {
    /// Enables the device; it is disabled when the driver is detached.
    ///
    /// May sleep. Interrupt vectors are not affected: the call that allocates them decides who
    /// frees them.
    ///
    /// # Errors
    ///
    /// - `ENOMEM` when there is no memory.
    /// - `EINVAL` when a BAR could not be assigned, or the power state cannot be changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, io::Io, pci, prelude::*};
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     let bar = pdev
    ///         .pcim_enable_device()?
    ///         .iomap_region_sized::<0x10>(0, c"example")?;
    ///     pr_info!("first register: {:#x}\n", bar.read32(0x0));
    ///     // Still mapped: the device unmaps it.
    ///     Ok(())
    /// }
    /// ```
    pub fn pcim_enable_device(&self) -> Result<ManagedDevice<'c>> {
        let _calls = self.binding()?.registry.lock()?;
        // SAFETY: This is a callback of the driver of a valid device. The lock excludes other calls
        // of the driver that change the state of the device.
        to_result(unsafe { bindings::pcim_enable_device(self.as_raw()) })?;
        // INVARIANT: The call has enabled the device.
        Ok(ManagedDevice {
            dev: self.for_binding(),
            _callback: NotThreadSafe,
        })
    }
}

/// A witness that the device was enabled with devres. Managed BARs are mapped through it.
///
/// Only the callback that enabled the device can use it; driver data and handlers keep the BARs. C
/// code may have disabled the device since. A BAR is still mapped then, but the device may not
/// decode it.
///
/// # Soundness
///
/// - It can be forgotten, copied or dropped, because devres disables the device.
/// - It is not `Send`, so it cannot be moved to another thread, into driver data or into a handler.
///   Its calls may sleep, and add devres entries, which must not happen while devres releases.
/// - After unbind, and after probe has failed, nobody has one.
///
/// # Invariants
///
/// `pcim_enable_device()` has succeeded for the device since its driver was bound.
#[derive(Clone, Copy)]
pub struct ManagedDevice<'c> {
    dev: &'c Device<Bound>,
    _callback: NotThreadSafe,
}

impl<'c> ManagedDevice<'c> {
    /// Returns the length of a memory BAR.
    fn memory_len(&self, bar: u32) -> Result<usize> {
        let len = self.dev.resource_len(bar)?;
        let index = c_int::try_from(bar)?;
        // SAFETY: `resource_len()` has checked the index; `self.dev` is a valid device.
        let flags = unsafe { bindings::pci_resource_flags(self.dev.as_raw(), index) };
        if len == 0 || flags & bindings::IORESOURCE_MEM as c_ulong == 0 {
            return Err(EINVAL);
        }
        Ok(usize::try_from(len)?)
    }

    /// Checks that a name is valid as long as the driver is bound, because the driver of a child
    /// may pass one of its own module.
    fn check_name(&self, name: &'static CStr) -> Result<*const c_char> {
        let name = name.as_char_ptr();
        check_module(self.dev.as_ref(), name.cast())?;
        Ok(name)
    }

    /// Requests a whole memory BAR and maps it; offsets below `SIZE` are checked at compile time.
    ///
    /// `name` is shown in `/proc/iomem`. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when there is no such BAR, it is not memory, or it is shorter than `SIZE` bytes.
    /// - `EPERM` when `name` is part of another module than that of the driver.
    /// - `EBUSY` when somebody else holds the region.
    /// - `ENOMEM` when there is no memory.
    pub fn iomap_region_sized<const SIZE: usize>(
        &self,
        bar: u32,
        name: &'static CStr,
    ) -> Result<ManagedBar<'c, SIZE>> {
        let len = self.memory_len(bar)?;
        if len < SIZE {
            return Err(EINVAL);
        }
        // CAST: `memory_len()` has checked the index.
        let index = bar as c_int;
        let name = self.check_name(name)?;
        // SAFETY: `self.dev` is a valid device in a callback of its driver. `name` lives as long as
        // the driver is bound, and longer.
        let addr = unsafe { bindings::pcim_iomap_region(self.dev.as_raw(), index, name) };
        ManagedBar::new(self.dev, from_err_ptr(addr)?, len)
    }

    /// Requests a whole memory BAR and maps it.
    ///
    /// # Errors
    ///
    /// See [`Self::iomap_region_sized`].
    pub fn iomap_region(&self, bar: u32, name: &'static CStr) -> Result<ManagedBar<'c>> {
        self.iomap_region_sized::<0>(bar, name)
    }

    /// Maps `len` bytes from `offset` on of a memory BAR, without requesting it. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when there is no such BAR, it is not memory, or the range is empty, exceeds the
    ///   BAR, or does not consist of whole words of four bytes.
    /// - `ENOMEM` when there is no memory.
    pub fn iomap_range(&self, bar: u32, offset: usize, len: usize) -> Result<ManagedBar<'c>> {
        let end = offset.checked_add(len).ok_or(EINVAL)?;
        // A `Region` consists of whole words.
        if len == 0 || !(offset | len).is_multiple_of(4) || end > self.memory_len(bar)? {
            return Err(EINVAL);
        }
        // CAST: `memory_len()` has checked the index.
        let index = bar as c_int;
        let (from, count) = (c_ulong::try_from(offset)?, c_ulong::try_from(len)?);
        // SAFETY: `self.dev` is a valid device in a callback of its driver.
        let addr = unsafe { bindings::pcim_iomap_range(self.dev.as_raw(), index, from, count) };
        ManagedBar::new(self.dev, from_err_ptr(addr)?, len)
    }

    /// Requests a whole BAR without mapping it. May sleep.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when there is no such BAR.
    /// - `EPERM` when `name` is part of another module than that of the driver.
    /// - `EBUSY` when somebody else holds the region.
    /// - `ENOMEM` when there is no memory.
    pub fn request_region(&self, bar: u32, name: &'static CStr) -> Result {
        if self.dev.resource_len(bar)? == 0 {
            return Err(EINVAL);
        }
        let name = self.check_name(name)?;
        // CAST: `resource_len()` has checked the index.
        let index = bar as c_int;
        // SAFETY: `self.dev` is a valid device in a callback of its driver. `name` is valid as long
        // as the driver is bound, and longer.
        to_result(unsafe { bindings::pcim_request_region(self.dev.as_raw(), index, name) })
    }
}

/// A mapped memory BAR, or a part of one, that devres unmaps.
///
/// It can be copied, and kept in driver data and in interrupt handlers.
///
/// # Soundness
///
/// - It can be forgotten, copied or dropped, because devres unmaps.
/// - Its lifetime is that of the binding. Handlers and driver data that have a copy are dropped
///   before devres unmaps, after the remove callback as well as on the error path of probe.
/// - It can be sent to another thread: any thread may access the registers.
///
/// # Invariants
///
/// `io` is the address and length of a mapping of `dev` that stays until devres releases it, which
/// is after `'c`.
pub struct ManagedBar<'c, const SIZE: usize = 0> {
    io: MmioRaw<Region<SIZE>>,
    dev: &'c Device<Bound>,
}

impl<const SIZE: usize> Clone for ManagedBar<'_, SIZE> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<const SIZE: usize> Copy for ManagedBar<'_, SIZE> {}

impl<'c, const SIZE: usize> ManagedBar<'c, SIZE> {
    /// Fails only if `len` is less than `SIZE`, which the callers have checked, or if `len` is no
    /// multiple of four, which the length of a memory BAR always is. If it fails all the same,
    /// devres still unmaps the mapping.
    fn new(dev: &'c Device<Bound>, addr: *mut c_void, len: usize) -> Result<Self> {
        // INVARIANT: The callers have mapped `len` bytes at `addr` with devres.
        Ok(Self {
            io: MmioRaw::new_region(addr as usize, len)?,
            dev,
        })
    }

    /// Returns whether the BAR is one of `dev`.
    pub(super) fn is_of(&self, dev: *const Device<Bound>) -> bool {
        core::ptr::eq(self.dev, dev)
    }

    /// Returns the same BAR with the lifetime that a handler, or data of
    /// [`Device::while_bound`](super::Device::while_bound), needs.
    ///
    /// # Safety
    ///
    /// The caller must not use it after devres has released the mapping.
    pub(super) unsafe fn for_handler<'h>(self) -> ManagedBar<'h, SIZE> {
        let dev: *const Device<Bound> = self.dev;
        ManagedBar {
            io: self.io,
            // SAFETY: The device outlives the mapping.
            dev: unsafe { &*dev },
        }
    }
}

impl<'c, const SIZE: usize> IoBase<'c> for ManagedBar<'c, SIZE> {
    type Backend = MmioBackend;
    type Target = Region<SIZE>;

    #[inline]
    fn as_view(self) -> Mmio<'c, Self::Target> {
        // SAFETY: By the type invariant the range is mapped for `'c`.
        unsafe { Mmio::from_raw(self.io) }
    }
}
