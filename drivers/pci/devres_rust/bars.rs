// SPDX-License-Identifier: GPL-2.0

//! Regions and mappings of BARs, and the table in which old drivers look up the mappings.

use super::{
    device_of,
    ANY_NODE, //
};
use core::{
    mem::MaybeUninit,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    bindings,
    container_of,
    error::to_result,
    ffi::{
        c_char,
        c_int,
        c_ulong,
        c_void, //
    },
    pci::DevresEntry,
    prelude::*, //
};

/// Number of entries in `struct pci_dev.resource` and in the table of [`pcim_iomap_table()`].
const NUM_RESOURCES: usize = bindings::PCI_NUM_RESOURCES as usize;

/// Checks that `bar` is an index into `struct pci_dev.resource`.
#[inline]
fn check_bar(bar: c_int) -> Result<usize> {
    usize::try_from(bar)
        .ok()
        .filter(|bar| *bar < NUM_RESOURCES)
        .ok_or(EINVAL)
}

/// Returns the memory node that is local to the device.
///
/// # Safety
///
/// `pdev` must be valid.
#[inline]
unsafe fn local_node(pdev: *mut bindings::pci_dev) -> c_int {
    // Without NUMA this spares the call of a helper.
    if cfg!(CONFIG_NUMA) {
        // SAFETY: The caller says that the device is valid.
        unsafe { bindings::dev_to_node(&raw mut (*pdev).dev) }
    } else {
        ANY_NODE
    }
}

/// The resource that one entry releases.
#[derive(Clone, Copy)]
enum Address {
    /// The region of a whole BAR.
    Region(c_int),
    /// The region of a whole BAR and a mapping of all of it.
    RegionMapping(c_int, *mut c_void),
    /// A mapping of a BAR or of a part of it, whose region is not requested.
    Mapping(*mut c_void),
}

impl Address {
    /// Returns whether `self`, which is on the list, is what a caller means by `wanted`.
    ///
    /// A region is identified by its BAR, a mapping without a region by its address.
    #[inline]
    fn is(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Region(a), Self::Region(b)) => a == b,
            (Self::RegionMapping(a, _), Self::RegionMapping(b, _)) => a == b,
            (Self::Mapping(a), Self::Mapping(b)) => a == b,
            _ => false,
        }
    }
}

/// Allocates an entry for an address. It is filled in and added once the resource is there.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
///
/// # Safety
///
/// `pdev` must be valid.
#[inline]
unsafe fn reserve_address(
    pdev: *mut bindings::pci_dev,
) -> Result<DevresEntry<MaybeUninit<Address>>> {
    // SAFETY: The entry is added to the list of a PCI device, and filled with an `Address` whose
    // resource is held.
    unsafe {
        DevresEntry::reserve(
            release_address,
            c"pcim_addr_resource_release",
            local_node(pdev),
        )
    }
}

/// Releases the resource of an entry.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`, and `res` must point to an [`Address`] whose
/// resource is held.
unsafe extern "C" fn release_address(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: The caller says that `dev` is embedded in a `struct pci_dev`.
    let pdev = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: The caller says that `res` points to an `Address`.
    let address = unsafe { *res.cast::<Address>() };

    if let Address::RegionMapping(_, addr) | Address::Mapping(addr) = address {
        // SAFETY: The entry holds the mapping.
        unsafe { bindings::pci_iounmap(pdev, addr) };
    }
    if let Address::RegionMapping(bar, _) | Address::Region(bar) = address {
        // SAFETY: The entry holds the region.
        unsafe { bindings::pci_release_region(pdev, bar) };
    }
}

/// Returns to devres whether an entry of [`release_address()`] is the [`Address`] that a caller
/// wants.
///
/// # Safety
///
/// `res` and `wanted` must point to an [`Address`] each.
unsafe extern "C" fn match_address(
    _dev: *mut bindings::device,
    res: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    // SAFETY: The caller says that both point to an `Address`.
    let (res, wanted) = unsafe { (*res.cast::<Address>(), *wanted.cast::<Address>()) };
    res.is(wanted).into()
}

/// Releases the newest entry that is `wanted`. Returns 0, or `-ENOENT` when the device has none.
///
/// # Safety
///
/// This must be the driver's call, and nobody may use the resource any more.
#[inline]
unsafe fn release(pdev: *mut bindings::pci_dev, mut wanted: Address) -> c_int {
    // SAFETY: Only entries with `release_address()` are matched, which hold an `Address`, as does
    // `wanted`. The caller says that the resource is unused.
    unsafe {
        bindings::devres_release(
            &raw mut (*pdev).dev,
            Some(release_address),
            Some(match_address),
            ptr::from_mut(&mut wanted).cast(),
        )
    }
}

/// The addresses of whole-BAR mappings, as [`pcim_iomap_table()`] shows them.
type IomapTable = [*mut c_void; NUM_RESOURCES];

/// Identifies the entry of the [`IomapTable`]. Each mapping has an entry that unmaps it.
///
/// # Safety
///
/// There are no requirements; devres asks for the type.
unsafe extern "C" fn release_table(_dev: *mut bindings::device, _res: *mut c_void) {}

/// Returns the table of mapped BARs, and allocates it the first time. May sleep then.
///
/// The table is valid until the driver is detached. The result is null when there is no memory.
///
/// # Safety
///
/// This must be the driver's call.
// If this were inlined, each of its callers would get a copy.
#[inline(never)]
#[export]
unsafe extern "C" fn pcim_iomap_table(pdev: *mut bindings::pci_dev) -> *const *mut c_void {
    // SAFETY: The caller says that the device is valid.
    let dev = unsafe { &raw mut (*pdev).dev };
    // SAFETY: `dev` is a valid device, and no match function is given.
    let table = unsafe { bindings::devres_find(dev, Some(release_table), None, ptr::null_mut()) };
    if !table.is_null() {
        return table.cast();
    }
    // SAFETY: `release_table()` does nothing. The memory is zeroed, which makes it a table of null
    // pointers.
    let table = unsafe {
        bindings::__devres_alloc_node(
            Some(release_table),
            size_of::<IomapTable>(),
            bindings::GFP_KERNEL,
            local_node(pdev),
            c"pcim_iomap_release".as_char_ptr(),
        )
    };
    if table.is_null() {
        return ptr::null();
    }
    // SAFETY: `dev` is a valid device, and `table` an entry that is on no list.
    unsafe { bindings::devres_get(dev, table, None, ptr::null_mut()) }.cast()
}

/// Enters `addr` in the table as the mapping of `bar`.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR.
/// - `ENOMEM` when there is no memory for the table.
///
/// # Safety
///
/// This must be the driver's call.
#[inline]
unsafe fn set_in_table(pdev: *mut bindings::pci_dev, bar: c_int, addr: *mut c_void) -> Result {
    let bar = check_bar(bar)?;
    // SAFETY: This is the driver's call.
    let table = NonNull::new(unsafe { pcim_iomap_table(pdev) }.cast_mut()).ok_or(ENOMEM)?;
    // SAFETY: `bar` is an index into the table, and the driver makes one call at a time.
    unsafe { table.add(bar).write(addr) };
    Ok(())
}

/// Removes `addr` from the table. Mappings of a range are not in it, and no two are equal.
///
/// # Safety
///
/// This must be the driver's call.
#[inline]
unsafe fn remove_from_table(pdev: *mut bindings::pci_dev, addr: *mut c_void) {
    // SAFETY: This is the driver's call.
    let Some(table) = NonNull::new(unsafe { pcim_iomap_table(pdev) }.cast_mut()) else {
        return;
    };
    for bar in 0..bindings::PCI_STD_NUM_BARS as usize {
        // SAFETY: `bar` is an index into the table.
        let slot = unsafe { table.add(bar) };
        // SAFETY: `slot` is in the table, and the driver makes one call at a time.
        if unsafe { slot.read() } == addr {
            // SAFETY: `slot` is in the table, and the driver makes one call at a time.
            unsafe { slot.write(ptr::null_mut()) };
            return;
        }
    }
}

/// Maps `bar`, at most `maxlen` bytes of it (0: all), without requesting its region.
///
/// May sleep. Returns the address, or null when there is no such BAR, it cannot be mapped, or there
/// is no memory.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_iomap(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    maxlen: c_ulong,
) -> *mut c_void {
    let map = || -> Result<NonNull<c_void>> {
        check_bar(bar)?;
        // SAFETY: The caller says that the device is valid.
        let entry = unsafe { reserve_address(pdev) }?;

        // SAFETY: `bar` is a valid index. This is what `pci_iomap()` does.
        let addr = unsafe { bindings::pci_iomap_range(pdev, bar, 0, maxlen) };
        let addr = NonNull::new(addr).ok_or(EINVAL)?;

        // SAFETY: This is the driver's call.
        unsafe { set_in_table(pdev, bar, addr.as_ptr()) }.inspect_err(|_| {
            // SAFETY: The BAR was mapped above, and nobody has seen the address yet.
            unsafe { bindings::pci_iounmap(pdev, addr.as_ptr()) };
        })?;

        // SAFETY: The caller says that the device is valid.
        let dev = unsafe { device_of(pdev) };
        entry.fill(Address::Mapping(addr.as_ptr())).add_to(dev);
        Ok(addr)
    };
    map().map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Undoes [`pcim_iomap()`] or [`pcim_iomap_range()`]. An address that is neither is ignored.
///
/// # Safety
///
/// This must be the driver's call, and nobody may access the mapping any more.
#[export]
unsafe extern "C" fn pcim_iounmap(pdev: *mut bindings::pci_dev, addr: *mut c_void) {
    // SAFETY: This is the driver's call, and the mapping is unused.
    if unsafe { release(pdev, Address::Mapping(addr)) } == 0 {
        // SAFETY: This is the driver's call.
        unsafe { remove_from_table(pdev, addr) };
    }
}

/// Requests the region of `bar` in the name of `name` and maps all of it.
///
/// May sleep. Returns the address or `IOMEM_ERR_PTR(errno)`:
///
/// - `-EINVAL` when there is no such BAR or it cannot be mapped.
/// - `-EBUSY` when somebody else holds the region.
/// - `-ENOMEM` when there is no memory.
///
/// # Safety
///
/// This must be the driver's call. `name` must be null or a C string that lives until the region
/// is released.
#[export]
unsafe extern "C" fn pcim_iomap_region(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    name: *const c_char,
) -> *mut c_void {
    // SAFETY: These are the requirements of this function.
    unsafe { iomap_region(pdev, bar, name) }.map_or_else(Error::to_ptr, NonNull::as_ptr)
}

/// # Safety
///
/// The requirements of [`pcim_iomap_region()`] must hold.
// If this were inlined, each of its callers would get a copy.
#[inline(never)]
unsafe fn iomap_region(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    name: *const c_char,
) -> Result<NonNull<c_void>> {
    check_bar(bar)?;
    // SAFETY: The caller says that the device is valid.
    let entry = unsafe { reserve_address(pdev) }?;

    // SAFETY: `bar` is a valid index, and the caller says that `name` lives long enough.
    to_result(unsafe { bindings::pci_request_region(pdev, bar, name) })?;

    // SAFETY: `bar` is a valid index. This is what `pci_iomap()` does.
    let addr = unsafe { bindings::pci_iomap_range(pdev, bar, 0, 0) };
    let Some(addr) = NonNull::new(addr) else {
        // SAFETY: The region was requested above.
        unsafe { bindings::pci_release_region(pdev, bar) };
        return Err(EINVAL);
    };

    let address = Address::RegionMapping(bar, addr.as_ptr());
    // SAFETY: The caller says that the device is valid.
    let dev = unsafe { device_of(pdev) };
    entry.fill(address).add_to(dev);
    Ok(addr)
}

/// Undoes [`pcim_iomap_region()`]. A BAR that it did not map is ignored.
///
/// # Safety
///
/// This must be the driver's call, and nobody may access the mapping any more.
#[export]
unsafe extern "C" fn pcim_iounmap_region(pdev: *mut bindings::pci_dev, bar: c_int) {
    // SAFETY: This is the driver's call, and the mapping is unused. Without an entry there is
    // nothing to do.
    unsafe { release(pdev, Address::RegionMapping(bar, ptr::null_mut())) };
}

/// Requests and maps every BAR in `mask` as [`pcim_iomap_region()`] does, and enters it in the
/// table.
///
/// May sleep. When one BAR fails, all BARs with a lower number are released. Returns 0 or an
/// errno of [`pcim_iomap_region()`].
///
/// # Safety
///
/// This must be the driver's call. `name` must be null or a C string that lives until the regions
/// are released. Nobody may access an earlier mapping of [`pcim_iomap_region()`], which a failure
/// releases.
#[export]
unsafe extern "C" fn pcim_iomap_regions(
    pdev: *mut bindings::pci_dev,
    mask: c_int,
    name: *const c_char,
) -> c_int {
    for bar in 0..NUM_RESOURCES as c_int {
        if mask & (1 << bar) == 0 {
            continue;
        }
        // SAFETY: These are the requirements of this function.
        let mapped = unsafe { iomap_region(pdev, bar, name) }
            // SAFETY: This is the driver's call.
            .and_then(|addr| unsafe { set_in_table(pdev, bar, addr.as_ptr()) });
        if let Err(e) = mapped {
            for bar in (0..bar).rev() {
                // SAFETY: This is the driver's call, and the mappings are unused.
                unsafe { pcim_iounmap_region(pdev, bar) };
                // SAFETY: This is the driver's call. Without memory for the table nothing is
                // entered.
                let _ = unsafe { set_in_table(pdev, bar, ptr::null_mut()) };
            }
            return e.to_errno();
        }
    }
    0
}

/// Requests the region of `bar` in the name of `name` without mapping it.
///
/// May sleep. Returns 0, or
///
/// - `-EINVAL` when there is no such BAR.
/// - `-EBUSY` when somebody else holds the region.
/// - `-ENOMEM` when there is no memory.
///
/// # Safety
///
/// This must be the driver's call. `name` must be null or a C string that lives until the region
/// is released.
#[export]
unsafe extern "C" fn pcim_request_region(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    name: *const c_char,
) -> c_int {
    if check_bar(bar).is_err() {
        return EINVAL.to_errno();
    }
    // SAFETY: The caller says that the device is valid.
    let Ok(entry) = (unsafe { reserve_address(pdev) }) else {
        return ENOMEM.to_errno();
    };
    // SAFETY: `bar` is a valid index, and the caller says that `name` lives long enough.
    let ret = unsafe { bindings::pci_request_region(pdev, bar, name) };
    if ret == 0 {
        // SAFETY: The caller says that the device is valid.
        let dev = unsafe { device_of(pdev) };
        entry.fill(Address::Region(bar)).add_to(dev);
    }
    ret
}

/// Requests the regions of all standard BARs as [`pcim_request_region()`] does.
///
/// May sleep. When one fails, every region that [`pcim_request_region()`] requested is released.
/// Returns 0 or an errno of [`pcim_request_region()`].
///
/// # Safety
///
/// This must be the driver's call. `name` must be null or a C string that lives until the regions
/// are released.
#[export]
unsafe extern "C" fn pcim_request_all_regions(
    pdev: *mut bindings::pci_dev,
    name: *const c_char,
) -> c_int {
    let bars = 0..bindings::PCI_STD_NUM_BARS as c_int;

    for bar in bars.clone() {
        // SAFETY: These are the requirements of this function.
        let ret = unsafe { pcim_request_region(pdev, bar, name) };
        if ret != 0 {
            for bar in bars {
                // SAFETY: This is the driver's call, and a region that is not mapped has no users.
                // Without an entry there is nothing to do.
                unsafe { release(pdev, Address::Region(bar)) };
            }
            return ret;
        }
    }
    0
}

/// Maps `len` bytes from `offset` on of `bar` (0: to its end), without requesting its region.
///
/// May sleep. Returns the address or `IOMEM_ERR_PTR(errno)`:
///
/// - `-EINVAL` when there is no such BAR, `offset` is past its end, or it cannot be mapped.
/// - `-ENOMEM` when there is no memory.
///
/// # Safety
///
/// This must be the driver's call.
#[export]
unsafe extern "C" fn pcim_iomap_range(
    pdev: *mut bindings::pci_dev,
    bar: c_int,
    offset: c_ulong,
    len: c_ulong,
) -> *mut c_void {
    let map = || -> Result<NonNull<c_void>> {
        check_bar(bar)?;
        // SAFETY: The caller says that the device is valid.
        let entry = unsafe { reserve_address(pdev) }?;

        // SAFETY: `bar` is a valid index, and the function checks the range.
        let addr = unsafe { bindings::pci_iomap_range(pdev, bar, offset, len) };
        let addr = NonNull::new(addr).ok_or(EINVAL)?;

        // SAFETY: The caller says that the device is valid.
        let dev = unsafe { device_of(pdev) };
        entry.fill(Address::Mapping(addr.as_ptr())).add_to(dev);
        Ok(addr)
    };
    map().map_or_else(Error::to_ptr, NonNull::as_ptr)
}
