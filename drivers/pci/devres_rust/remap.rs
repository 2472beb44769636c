// SPDX-License-Identifier: GPL-2.0

//! Mappings of I/O space and of configuration space, for host bridge drivers.

use super::ANY_NODE;
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    device,
    ffi::{
        c_char,
        c_int,
        c_ulong,
        c_void, //
    },
    pci::DevresEntry,
    prelude::*, //
};

/// Unmaps the I/O space of a resource.
///
/// # Safety
///
/// `res` must point to the resource that [`devm_pci_remap_iospace()`] remapped.
unsafe extern "C" fn unmap_iospace(_dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: The caller says what `res` points to.
    unsafe { bindings::pci_unmap_iospace(*res.cast::<*mut bindings::resource>()) };
}

/// Remaps the I/O space of `res` to `phys_addr` until the driver is detached.
///
/// May sleep. Returns 0, `-ENOMEM`, or the errno of `pci_remap_iospace()`: `-EINVAL` for a range
/// outside of the I/O space, `-ENODEV` on an architecture without memory mapped I/O space.
///
/// # Safety
///
/// This must be the driver's call, and `res` must be valid until the driver is detached.
#[export]
unsafe extern "C" fn devm_pci_remap_iospace(
    dev: *mut bindings::device,
    res: *const bindings::resource,
    phys_addr: bindings::phys_addr_t,
) -> c_int {
    // SAFETY: `unmap_iospace()` takes the resource that the entry is filled with.
    let entry = unsafe { DevresEntry::reserve(unmap_iospace, c"devm_pci_unmap_iospace", ANY_NODE) };
    let Ok(entry) = entry else {
        return ENOMEM.to_errno();
    };
    // SAFETY: The caller says that `res` is valid.
    let ret = unsafe { bindings::pci_remap_iospace(res, phys_addr) };
    if ret == 0 {
        // SAFETY: The caller says that `dev` is valid.
        let dev = unsafe { device::Device::from_raw(dev) };
        entry.fill(res).add_to(dev);
    }
    ret
}

/// Maps `size` bytes of configuration space at `offset` until the driver is detached.
///
/// The entry is one of `devm_ioremap()`, so that `devm_iounmap()` undoes it. May sleep. Returns the
/// address, or null when there is no memory or the range cannot be mapped.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn devm_pci_remap_cfgspace(
    dev: *mut bindings::device,
    offset: bindings::resource_size_t,
    size: bindings::resource_size_t,
) -> *mut c_void {
    // SAFETY: `devm_ioremap_release()` takes the address that the entry is filled with.
    let entry = unsafe {
        DevresEntry::reserve(
            bindings::devm_ioremap_release,
            c"devm_ioremap_release",
            ANY_NODE,
        )
    };
    let Ok(entry) = entry else {
        return ptr::null_mut();
    };
    // SAFETY: The function checks the range.
    // CAST: On 32 bits `resource_size_t` may be wider than the size, as in C.
    let addr = unsafe { bindings::pci_remap_cfgspace(offset, size as usize) };
    if !addr.is_null() {
        // SAFETY: The caller says that `dev` is valid.
        let dev = unsafe { device::Device::from_raw(dev) };
        entry.fill(addr).add_to(dev);
    }
    addr
}

/// Checks that `res` is memory, requests it and maps it with [`devm_pci_remap_cfgspace()`].
///
/// May sleep. Returns the address or `IOMEM_ERR_PTR(errno)`, and reports every error but the first
/// `-ENOMEM`:
///
/// - `-EINVAL` when `res` is null or not memory.
/// - `-ENOMEM` when there is no memory, or the region cannot be mapped.
/// - `-EBUSY` when somebody else holds the region.
///
/// # Safety
///
/// This must be the driver's call, and `res` must be null or valid.
#[export]
unsafe extern "C" fn devm_pci_remap_cfg_resource(
    dev: *mut bindings::device,
    res: *mut bindings::resource,
) -> *mut c_void {
    if dev.is_null() {
        // SAFETY: The function never returns. The C original has a `BUG_ON()` here.
        unsafe { bindings::BUG() };
    }
    // SAFETY: These are the requirements of this function.
    unsafe { remap_cfg_resource(dev, res) }.map_or_else(Error::to_ptr, NonNull::as_ptr)
}

/// # Safety
///
/// As for [`devm_pci_remap_cfg_resource()`], and `dev` must not be null.
unsafe fn remap_cfg_resource(
    dev: *mut bindings::device,
    res: *const bindings::resource,
) -> Result<NonNull<c_void>> {
    // CAST: The flags are constants that fit.
    const TYPE_BITS: c_ulong = bindings::IORESOURCE_TYPE_BITS as c_ulong;
    const MEM: c_ulong = bindings::IORESOURCE_MEM as c_ulong;

    // SAFETY: The caller says that `res` is null or valid.
    let Some(r) = (unsafe { res.as_ref() }).filter(|r| r.flags & TYPE_BITS == MEM) else {
        // SAFETY: `dev` is a valid device.
        let dev: &device::Device = unsafe { device::Device::from_raw(dev) };
        dev_err!(dev, "invalid resource\n");
        return Err(EINVAL);
    };
    let size = r.end.wrapping_sub(r.start).wrapping_add(1);

    // SAFETY: `dev` is a valid device.
    let dev_name = unsafe { bindings::dev_name(dev) };
    let name: *const c_char = if r.name.is_null() {
        // SAFETY: `dev` is a valid device and `dev_name` a C string.
        unsafe { bindings::devm_kstrdup(dev, dev_name, bindings::GFP_KERNEL) }
    } else {
        let format = c"%s %s".as_char_ptr();
        // SAFETY: `dev` is a valid device, and the format takes two C strings.
        unsafe { bindings::devm_kasprintf(dev, bindings::GFP_KERNEL, format, dev_name, r.name) }
    };
    if name.is_null() {
        return Err(ENOMEM);
    }

    let parent = &raw mut bindings::iomem_resource;
    // SAFETY: `dev` is a valid device. Devres releases the region before it frees the name, which
    // was allocated earlier.
    if unsafe { bindings::__devm_request_region(dev, parent, r.start, size, name) }.is_null() {
        // SAFETY: `dev` and `res` are valid.
        unsafe { bindings::pci_devres_err(dev, c"can't request region".as_char_ptr(), res) };
        return Err(EBUSY);
    }

    // SAFETY: This is the driver's call.
    NonNull::new(unsafe { devm_pci_remap_cfgspace(dev, r.start, size) })
        .ok_or(ENOMEM)
        .inspect_err(|_| {
            // SAFETY: `dev` and `res` are valid.
            unsafe { bindings::pci_devres_err(dev, c"ioremap failed".as_char_ptr(), res) };
            // SAFETY: The region was requested above.
            unsafe { bindings::__devm_release_region(dev, parent, r.start, size) };
        })
}
