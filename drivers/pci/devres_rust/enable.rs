// SPDX-License-Identifier: GPL-2.0

//! Calls that enable the device, Memory-Write-Invalidate and INTx.
//!
//! `is_managed` and `pinned` share words with other bits of the device. Probe and detach hold
//! `device_lock()`, as does a reset. Other writers race with these calls as with the C originals.

use super::{
    device_of,
    ANY_NODE, //
};
use core::ptr;
use kernel::{
    bindings,
    container_of,
    ffi::{
        c_int,
        c_void, //
    },
    pci::DevresEntry,
    prelude::*, //
};

/// Adds the action `undo` to the device, runs `work`, and removes the action if `work` fails.
///
/// The action is added first, so that nothing can fail once the work is done. Returns 0 or an
/// errno.
///
/// # Safety
///
/// This must be the driver's call, and `undo` must be sound to call with `pdev` after `work` has
/// succeeded.
#[inline]
unsafe fn with_action(
    pdev: *mut bindings::pci_dev,
    undo: unsafe extern "C" fn(*mut c_void),
    name: &'static CStr,
    work: impl FnOnce() -> c_int,
) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let dev = unsafe { &raw mut (*pdev).dev };
    // SAFETY: `dev` is a valid device, and the caller says that `undo` takes `pdev`.
    let ret =
        unsafe { bindings::__devm_add_action(dev, Some(undo), pdev.cast(), name.as_char_ptr()) };
    if ret != 0 {
        return ret;
    }
    let ret = work();
    if ret != 0 {
        // SAFETY: The action was added above.
        unsafe { bindings::devm_remove_action(dev, Some(undo), pdev.cast()) };
    }
    ret
}

/// Disables the device unless it is pinned.
///
/// # Safety
///
/// `pdev` must point to a `struct pci_dev` that [`pcim_enable_device()`] enabled.
unsafe extern "C" fn disable_device(pdev: *mut c_void) {
    let pdev = pdev.cast::<bindings::pci_dev>();

    // SAFETY: The caller says that `pdev` is a valid device.
    if unsafe { bindings::pci_dev::pinned_raw(pdev) } == 0 {
        // SAFETY: The caller says that the device was enabled.
        unsafe { bindings::pci_disable_device(pdev) };
    }
    // SAFETY: `pdev` is a valid device. The beginning of this file says who writes other bits.
    unsafe { bindings::pci_dev::set_is_managed_raw(pdev, 0) };
}

/// Enables the device. It is disabled when the driver is detached, unless it is pinned.
///
/// May sleep. Returns 0, `-ENOMEM`, or the errno of `pci_enable_device()`.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_enable_device(pdev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: This is the driver's call, and `disable_device()` undoes `pci_enable_device()`.
    let ret = unsafe {
        with_action(pdev, disable_device, c"pcim_disable_device", || {
            bindings::pci_enable_device(pdev)
        })
    };
    if ret == 0 {
        // SAFETY: `pdev` is a valid device. The beginning of this file says who writes other bits.
        unsafe { bindings::pci_dev::set_is_managed_raw(pdev, 1) };
    }
    ret
}

/// Leaves the device enabled when the driver is detached.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_pin_device(pdev: *mut bindings::pci_dev) {
    // SAFETY: `pdev` is a valid device. The beginning of this file says who writes other bits.
    unsafe { bindings::pci_dev::set_pinned_raw(pdev, 1) };
}

/// Disables Memory-Write-Invalidate.
///
/// # Safety
///
/// `pdev` must point to a `struct pci_dev`.
unsafe extern "C" fn clear_mwi(pdev: *mut c_void) {
    // SAFETY: The caller says that `pdev` is a valid device.
    unsafe { bindings::pci_clear_mwi(pdev.cast()) };
}

/// Enables Memory-Write-Invalidate until the driver is detached.
///
/// May sleep. Returns 0, `-ENOMEM`, or the errno of `pci_set_mwi()`, which is `-EINVAL` when the
/// cache line size cannot be set.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_set_mwi(pdev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: This is the driver's call, and `clear_mwi()` undoes `pci_set_mwi()`.
    unsafe {
        with_action(pdev, clear_mwi, c"__pcim_clear_mwi", || {
            bindings::pci_set_mwi(pdev)
        })
    }
}

/// Restores the INTx setting that the entry has saved.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`, and `res` must point to a [`c_int`].
unsafe extern "C" fn restore_intx(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`.
    let pdev = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: `pdev` is a valid device, and the caller says what `res` points to.
    unsafe { bindings::pci_intx(pdev, *res.cast::<c_int>()) };
}

/// Saves whether INTx is enabled in an entry that restores it when the driver is detached.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
///
/// # Safety
///
/// This must be the driver's call.
unsafe fn save_intx(pdev: *mut bindings::pci_dev) -> Result {
    // SAFETY: The entry is added to the list of a PCI device and holds a `c_int`.
    let entry = unsafe { DevresEntry::reserve(restore_intx, c"pcim_intx_restore", ANY_NODE) }?;
    let mut command: u16 = 0;
    // SAFETY: `pdev` is a valid device. A failed read sets all bits, as in C.
    unsafe { bindings::pci_read_config_word(pdev, bindings::PCI_COMMAND as c_int, &mut command) };
    let enabled = u32::from(command) & bindings::PCI_COMMAND_INTX_DISABLE == 0;
    // SAFETY: The caller says that the device is valid.
    let dev = unsafe { device_of(pdev) };
    entry.fill(c_int::from(enabled)).add_to(dev);
    Ok(())
}

/// Enables or disables INTx. The setting that the first call finds is restored on driver detach.
///
/// May sleep the first time. Returns 0 or `-ENOMEM`.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_intx(pdev: *mut bindings::pci_dev, enable: c_int) -> c_int {
    // SAFETY: The caller says that the device is valid.
    let dev = unsafe { &raw mut (*pdev).dev };
    // SAFETY: `dev` is a valid device, and no match function is given.
    if unsafe { bindings::devres_find(dev, Some(restore_intx), None, ptr::null_mut()) }.is_null() {
        // SAFETY: This is the driver's call.
        if let Err(e) = unsafe { save_intx(pdev) } {
            return e.to_errno();
        }
    }
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_intx(pdev, enable) };
    0
}
