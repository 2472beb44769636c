// SPDX-License-Identifier: GPL-2.0

//! Entries of a device's devres list.
//!
//! C header: [`include/linux/device/devres.h`](srctree/include/linux/device/devres.h)

use crate::{
    bindings,
    device,
    error::Result,
    ffi::{
        c_int,
        c_void, //
    },
    prelude::*, //
};
use core::{
    mem::{
        size_of,
        MaybeUninit, //
    },
    ptr::NonNull, //
};

/// The function that devres calls to release what an entry holds.
type Release = unsafe extern "C" fn(*mut bindings::device, *mut c_void);

/// A devres entry that is allocated and not yet on the device's list.
///
/// Dropping it frees the memory. The release function is not called, and the value is not dropped.
///
/// This is the typed form of `devres_alloc()` and `devres_add()`, for the code that implements
/// device-managed PCI resources. Drivers use [`Devres`](crate::devres::Devres).
///
/// # Invariants
///
/// The pointer comes from `__devres_alloc_node()`, is valid for reads and writes of `T`, and the
/// entry is on no list.
pub struct DevresEntry<T>(NonNull<T>);

impl<T> DevresEntry<T> {
    /// Allocates an entry as [`DevresEntry::reserve`] does, and initialises it with `value`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory, or the error of the initialiser.
    ///
    /// # Safety
    ///
    /// Those of [`DevresEntry::reserve`].
    #[inline]
    pub(super) unsafe fn new<E>(
        release: Release,
        name: &'static CStr,
        nid: c_int,
        value: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        const {
            assert!(
                align_of::<T>() <= bindings::ARCH_KMALLOC_MINALIGN,
                "devres does not align its data more than this"
            )
        };
        // SAFETY: `release` has the signature that devres asks for, and `name` is `'static`.
        let data = unsafe {
            bindings::__devres_alloc_node(
                Some(release),
                size_of::<T>(),
                bindings::GFP_KERNEL,
                nid,
                name.as_char_ptr(),
            )
        };
        // INVARIANT: The memory was just allocated with `size_of::<T>()` bytes. Devres aligns it to
        // `ARCH_KMALLOC_MINALIGN`, which is enough for a `T`. devres_add() has not been called.
        let entry = Self(NonNull::new(data.cast::<T>()).ok_or(ENOMEM)?);

        // SAFETY: The memory is valid for writes and does not move. When the initialiser fails,
        // the entry is dropped, which does not drop the value.
        unsafe { pin_init::raw_try_init(entry.0.as_ptr(), value) }?;
        Ok(entry)
    }

    /// Returns the pointer, and leaves the entry to the caller.
    #[inline]
    fn into_raw(self) -> NonNull<T> {
        let data = self.0;
        core::mem::forget(self);
        data
    }

    /// Adds the entry to the device's list, from which devres releases it.
    #[inline]
    pub fn add_to(self, dev: &device::Device) -> NonNull<T> {
        let data = self.into_raw();
        // SAFETY: By the type invariant the entry is devres memory that is on no list.
        unsafe { bindings::devres_add(dev.as_raw(), data.as_ptr().cast()) };
        data
    }
}

impl<T> DevresEntry<MaybeUninit<T>> {
    /// Allocates an entry on memory node `nid`, to be filled in once there is something to release.
    ///
    /// The trace event `devres_log` shows `name`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    ///
    /// # Safety
    ///
    /// When the entry is added:
    ///
    /// - It must be sound for devres to call `release` once, on any thread, with the device that
    ///   the entry is added to and a pointer to the `T`. Devres does that in process context, when
    ///   the driver is detached or the devres group of the entry is released, and then frees the
    ///   memory without dropping the `T`.
    /// - Every entry with this `release` must have a `T` of the same type.
    #[inline]
    pub unsafe fn reserve(release: Release, name: &'static CStr, nid: c_int) -> Result<Self> {
        // SAFETY: The caller vouches for `release`, and for the entry when it is added. Before
        // that, devres does not release it.
        unsafe { Self::new(release, name, nid, Ok::<_, Error>(MaybeUninit::uninit())) }
    }

    /// Fills in the entry.
    #[inline]
    pub fn fill(self, value: T) -> DevresEntry<T> {
        let data = self.into_raw().cast::<T>();
        // SAFETY: By the type invariant the memory is valid for writes.
        unsafe { data.write(value) };
        // INVARIANT: The memory is the same, and the entry was not added to a list.
        DevresEntry(data)
    }
}

impl<T> Drop for DevresEntry<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is devres memory that is on no list.
        unsafe { bindings::devres_free(self.0.as_ptr().cast()) };
    }
}

/// Returns the data of the newest entry of `dev` with the given release function.
///
/// An entry that is being released is not found.
#[inline]
pub(super) fn find(dev: &device::Device, release: Release) -> Option<NonNull<c_void>> {
    // SAFETY: `dev` is a valid device, and no match function is given.
    NonNull::new(unsafe {
        bindings::devres_find(dev.as_raw(), Some(release), None, core::ptr::null_mut())
    })
}
