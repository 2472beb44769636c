// SPDX-License-Identifier: GPL-2.0

//! C ABI of the device-managed PCI resources.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)
//!
//! Converts pointers and errors, and decides nothing: what a function does is in
//! [`kernel::pci::devres`]. `devres_exports.c` exports the symbols, since `EXPORT_SYMBOL()` is
//! what their C originals have, and the `kernel` crate exports for GPL modules only.
//!
//! What the functions ask of their callers is what the C originals do: the caller is the driver of
//! the device, which is valid and bound, and makes one call at a time. "Bound" below means that.

use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    device::{
        self,
        Bound, //
    },
    ffi::{
        c_char,
        c_int,
        c_ulong,
        c_void, //
    },
    pci::{
        devres,
        Device, //
    },
    prelude::*,
};

/// # Safety
///
/// `pdev` must be a valid device that stays bound to its driver for the duration of `'a`.
unsafe fn pci_device<'a>(pdev: *mut bindings::pci_dev) -> &'a Device<Bound> {
    // SAFETY: `Device` is a transparent wrapper of `struct pci_dev`; validity by the requirement.
    unsafe { &*pdev.cast() }
}

/// # Safety
///
/// `dev` must be a valid device that stays bound to its driver for the duration of `'a`.
unsafe fn device<'a>(dev: *mut bindings::device) -> &'a device::Device<Bound> {
    // SAFETY: By the requirement.
    unsafe { device::Device::from_raw(dev) }
}

/// Returns 0 or the errno, as C wants it.
fn errno(result: Result) -> c_int {
    result.map_or_else(Error::to_errno, |()| 0)
}

/// Returns the address or null.
fn or_null(result: Result<NonNull<c_void>>) -> *mut c_void {
    result.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Returns the address or `IOMEM_ERR_PTR(errno)`.
fn or_err_ptr(result: Result<NonNull<c_void>>) -> *mut c_void {
    result.map_or_else(Error::to_ptr, NonNull::as_ptr)
}

/// # Safety
///
/// `dev` must be valid and bound; `res` must be valid until the driver is detached.
#[export]
pub unsafe extern "C" fn devm_pci_remap_iospace(
    dev: *mut bindings::device,
    res: *const bindings::resource,
    phys_addr: bindings::phys_addr_t,
) -> c_int {
    // SAFETY: By the requirements.
    errno(unsafe { devres::remap_iospace(device(dev), res, phys_addr) })
}

/// # Safety
///
/// `dev` must be valid and bound.
#[export]
pub unsafe extern "C" fn devm_pci_remap_cfgspace(
    dev: *mut bindings::device,
    offset: bindings::resource_size_t,
    size: bindings::resource_size_t,
) -> *mut c_void {
    // SAFETY: By the requirement.
    or_null(unsafe { devres::remap_cfgspace(device(dev), offset, size) })
}

/// # Safety
///
/// `dev` must be valid and bound; `res` must be null or valid.
#[export]
pub unsafe extern "C" fn devm_pci_remap_cfg_resource(
    dev: *mut bindings::device,
    res: *mut bindings::resource,
) -> *mut c_void {
    if dev.is_null() {
        // SAFETY: Never returns; the C original has a `BUG_ON()` here.
        unsafe { bindings::BUG() };
    }
    // SAFETY: By the requirements.
    or_err_ptr(unsafe { devres::remap_cfg_resource(device(dev), res) })
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_set_mwi(pdev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: By the requirement.
    errno(unsafe { devres::set_mwi(pci_device(pdev)) })
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_intx(pdev: *mut bindings::pci_dev, enable: c_int) -> c_int {
    // SAFETY: By the requirement.
    errno(unsafe { devres::intx(pci_device(pdev), enable) })
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_enable_device(pdev: *mut bindings::pci_dev) -> c_int {
    // SAFETY: By the requirement.
    errno(unsafe { devres::enable_device(pci_device(pdev)) })
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_pin_device(pdev: *mut bindings::pci_dev) {
    // SAFETY: By the requirement.
    unsafe { devres::pin_device(pci_device(pdev)) };
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_iomap_table(pdev: *mut bindings::pci_dev) -> *const *mut c_void {
    // SAFETY: By the requirement.
    let table = unsafe { devres::iomap_table(pci_device(pdev)) };
    table.map_or(ptr::null(), |table| table.as_ptr().cast_const())
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_iomap(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    maxlen: c_ulong,
) -> *mut c_void {
    // SAFETY: By the requirement.
    or_null(unsafe { devres::iomap(pci_device(pdev), bar, maxlen) })
}

/// # Safety
///
/// `pdev` must be valid and bound; nobody may access the mapping at `addr` any more.
#[export]
pub unsafe extern "C" fn pcim_iounmap(pdev: *mut bindings::pci_dev, addr: *mut c_void) {
    // SAFETY: By the requirements.
    unsafe { devres::iounmap(pci_device(pdev), addr) };
}

/// # Safety
///
/// `pdev` must be valid and bound; `name` must be null or live until the region is released.
#[export]
pub unsafe extern "C" fn pcim_iomap_region(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    name: *const c_char,
) -> *mut c_void {
    // SAFETY: By the requirements.
    or_err_ptr(unsafe { devres::iomap_region(pci_device(pdev), bar, name) })
}

/// # Safety
///
/// `pdev` must be valid and bound; nobody may access the mapping of `bar` any more.
#[export]
pub unsafe extern "C" fn pcim_iounmap_region(pdev: *mut bindings::pci_dev, bar: c_int) {
    // SAFETY: By the requirements.
    unsafe { devres::iounmap_region(pci_device(pdev), bar) };
}

/// # Safety
///
/// As [`devres::iomap_regions()`]; `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_iomap_regions(
    pdev: *mut bindings::pci_dev,
    mask: c_int,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements.
    errno(unsafe { devres::iomap_regions(pci_device(pdev), mask, name) })
}

/// # Safety
///
/// `pdev` must be valid and bound; `name` must be null or live until the region is released.
#[export]
pub unsafe extern "C" fn pcim_request_region(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements.
    errno(unsafe { devres::request_region(pci_device(pdev), bar, name) })
}

/// # Safety
///
/// `pdev` must be valid and bound; `name` must be null or live until the regions are released.
#[export]
pub unsafe extern "C" fn pcim_request_all_regions(
    pdev: *mut bindings::pci_dev,
    name: *const c_char,
) -> c_int {
    // SAFETY: By the requirements.
    errno(unsafe { devres::request_all_regions(pci_device(pdev), name) })
}

/// # Safety
///
/// `pdev` must be valid and bound.
#[export]
pub unsafe extern "C" fn pcim_iomap_range(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    offset: c_ulong,
    len: c_ulong,
) -> *mut c_void {
    // SAFETY: By the requirement.
    or_err_ptr(unsafe { devres::iomap_range(pci_device(pdev), bar, offset, len) })
}
