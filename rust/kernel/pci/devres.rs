// SPDX-License-Identifier: GPL-2.0

//! Device-managed PCI resources: what the `pcim_*` and `devm_pci_*` functions do.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)
//!
//! This is the one implementation behind both users: C drivers reach it through the symbols that
//! `drivers/pci/devres_rust.rs` exports, Rust drivers through [`ManagedDevice`] and
//! [`ManagedBar`]. Every resource is one entry on the device's devres list, which the driver core
//! releases in reverse order after the driver is detached.
//!
//! Nothing in here concerns interrupt vectors: enabling a device does not decide who frees them.
//!
//! The functions are inline, so that those of C are made of them and not of calls to them. What
//! devres knows an entry by must not be: `address_release()` and its like have one address.
//!
//! The functions are unsafe, because like their C counterparts they are for the driver of the
//! device alone, which makes one call at a time. The typed API sees to both.
//!
//! [`ManagedBar`]: super::ManagedBar
//! [`ManagedDevice`]: super::ManagedDevice

use super::Device;
use crate::{
    bindings, container_of,
    device::{
        self,
        Bound, //
    },
    error::Result,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
};
use core::{
    mem::{
        size_of,
        MaybeUninit, //
    },
    ptr::{
        self,
        NonNull, //
    },
};

/// Number of entries in the table that [`iomap_table()`] hands out.
const NUM_RESOURCES: usize = bindings::PCI_NUM_RESOURCES as usize;

/// A devres entry that is allocated, initialised, and not yet on the device's list.
///
/// Dropping it gives the memory back without calling the release function, and without dropping
/// the value.
///
/// # Invariants
///
/// The pointer comes from `__devres_alloc_node()`, is valid for reads and writes of `T`, and is on
/// no list.
pub(super) struct Entry<T>(NonNull<T>);

impl<T> Entry<T> {
    /// Allocates an entry on memory node `nid` and initialises it with `value`.
    ///
    /// `name` is what the `devres_log` trace event shows. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory, or what the initialiser fails with.
    #[inline]
    pub(super) fn new<E>(
        release: unsafe extern "C" fn(*mut bindings::device, *mut c_void),
        name: &'static CStr,
        nid: c_int,
        value: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        // SAFETY: `release` has the signature devres asks for and `name` lives for ever.
        let data = unsafe {
            bindings::__devres_alloc_node(
                Some(release),
                size_of::<T>(),
                bindings::GFP_KERNEL,
                nid,
                name.as_char_ptr(),
            )
        };
        // INVARIANT: Just allocated, `size_of::<T>()` bytes that devres aligns for any type a
        // kmalloc()ed object may have; devres_add() has not been called.
        let entry = Self(NonNull::new(data.cast::<T>()).ok_or(ENOMEM)?);

        // SAFETY: The memory is valid for writes and stays where it is; on an error it is given
        // back as it was before.
        unsafe { pin_init::raw_try_init(entry.0.as_ptr(), value) }?;
        Ok(entry)
    }

    /// Takes the entry out of the hands of its destructor.
    #[inline]
    fn into_raw(self) -> NonNull<T> {
        let data = self.0;
        core::mem::forget(self);
        data
    }

    /// Puts the entry on the device's list: from here on the device releases it.
    #[inline]
    pub(super) fn add(self, dev: &device::Device) -> NonNull<T> {
        let data = self.into_raw();
        // SAFETY: By the type invariant the entry is devres memory that is on no list.
        unsafe { bindings::devres_add(dev.as_raw(), data.as_ptr().cast()) };
        data
    }

    /// Puts the entry on the device's list, or drops it if one with the same release function is
    /// there already, and returns the one that is.
    pub(super) fn get_or_add(self, dev: &device::Device) -> NonNull<T> {
        let data = self.into_raw();
        // SAFETY: By the type invariant the entry is devres memory that is on no list; no match
        // function is given.
        let found = unsafe {
            bindings::devres_get(dev.as_raw(), data.as_ptr().cast(), None, ptr::null_mut())
        };
        NonNull::new(found.cast()).unwrap_or(data)
    }
}

impl<T> Entry<MaybeUninit<T>> {
    /// Allocates an entry to be filled in once there is something to release.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    #[inline]
    fn reserve(
        release: unsafe extern "C" fn(*mut bindings::device, *mut c_void),
        name: &'static CStr,
        nid: c_int,
    ) -> Result<Self> {
        Self::new(release, name, nid, Ok::<_, Error>(MaybeUninit::uninit()))
    }

    /// Fills in the entry.
    #[inline]
    fn fill(self, value: T) -> Entry<T> {
        let data = self.into_raw().cast::<T>();
        // SAFETY: By the type invariant the memory is valid for writes.
        unsafe { data.write(value) };
        // INVARIANT: It is the same memory, and was not added.
        Entry(data)
    }
}

impl<T> Drop for Entry<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is devres memory on no list.
        unsafe { bindings::devres_free(self.0.as_ptr().cast()) };
    }
}

/// Looks for the entry of `dev` with the given release function.
///
/// Finds nothing once devres releases the entries of the device.
#[inline]
pub(super) fn find(
    dev: &device::Device,
    release: unsafe extern "C" fn(*mut bindings::device, *mut c_void),
) -> Option<NonNull<c_void>> {
    // SAFETY: `dev` is a valid device; no match function is given.
    NonNull::new(unsafe {
        bindings::devres_find(dev.as_raw(), Some(release), None, ptr::null_mut())
    })
}

/// Node for memory that has no affinity to a device.
const ANY_NODE: c_int = bindings::NUMA_NO_NODE;

/// Returns the memory node that is local to `pdev`.
#[inline]
fn local_node(pdev: &Device<Bound>) -> c_int {
    #[cfg(CONFIG_NUMA)]
    // SAFETY: A reference to a device is a valid pointer to it.
    let node = unsafe { bindings::dev_to_node(pdev.as_ref().as_raw()) };
    #[cfg(not(CONFIG_NUMA))]
    let node = {
        let _ = pdev;
        ANY_NODE
    };
    node
}

/// Turns what a C function returns, 0 or an errno, into a result.
#[inline]
fn check(ret: c_int) -> Result {
    match ret {
        0 => Ok(()),
        ret => Err(failed(ret)),
    }
}

/// Makes an error of an errno; not inline, because it says so when that is none.
#[cold]
#[inline(never)]
fn failed(errno: c_int) -> Error {
    Error::from_errno(errno)
}

/// Tells whether `bar` is an index into `struct pci_dev.resource`.
#[inline]
fn bar_is_valid(bar: c_int) -> bool {
    usize::try_from(bar).is_ok_and(|bar| bar < NUM_RESOURCES)
}

/// What one entry releases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Address {
    /// The region of a whole BAR.
    Region(c_int),
    /// The region of a whole BAR and a mapping of all of it.
    RegionMapping(c_int, *mut c_void),
    /// A mapping of a BAR or of a part of it; the region is not ours.
    Mapping(*mut c_void),
}

impl Address {
    /// Tells whether `self`, found on the list, is what a caller means by `wanted`.
    ///
    /// A region is known by its BAR, a mapping without a region by its address.
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

/// Allocates an entry for an address, to be filled in and added once the resource is there.
#[inline]
fn address_entry(pdev: &Device<Bound>) -> Result<Entry<MaybeUninit<Address>>> {
    Entry::reserve(
        address_release,
        c"pcim_addr_resource_release",
        local_node(pdev),
    )
}

/// Gives back the resource of an entry.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`; `res` must point to an [`Address`] whose resource
/// is held.
#[inline(never)]
unsafe extern "C" fn address_release(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirements above.
    let pdev = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: By the requirements above.
    let address = unsafe { *res.cast::<Address>() };

    match address {
        Address::Region(bar) => {
            // SAFETY: The entry holds the region.
            unsafe { bindings::pci_release_region(pdev, bar) };
        }
        Address::RegionMapping(bar, addr) => {
            // SAFETY: The entry holds the mapping.
            unsafe { bindings::pci_iounmap(pdev, addr) };
            // SAFETY: The entry holds the region.
            unsafe { bindings::pci_release_region(pdev, bar) };
        }
        Address::Mapping(addr) => {
            // SAFETY: The entry holds the mapping.
            unsafe { bindings::pci_iounmap(pdev, addr) };
        }
    }
}

/// Matches an entry of [`address_release()`] against an [`Address`] that a caller asks for.
///
/// # Safety
///
/// `res` and `wanted` must point to an [`Address`] each.
#[inline(never)]
unsafe extern "C" fn address_match(
    _dev: *mut bindings::device,
    res: *mut c_void,
    wanted: *mut c_void,
) -> c_int {
    // SAFETY: By the requirements above.
    let (res, wanted) = unsafe { (*res.cast::<Address>(), *wanted.cast::<Address>()) };
    res.is(wanted).into()
}

/// Releases the newest entry that is `wanted`.
///
/// # Errors
///
/// `ENOENT` when the device holds no such entry.
///
/// # Safety
///
/// Nobody may use the resource any more.
#[inline]
unsafe fn release(pdev: &Device<Bound>, mut wanted: Address) -> Result {
    // SAFETY: Only entries with `address_release()` are looked at, which hold an `Address`, as
    // does `wanted`. The caller vouches that the resource is unused.
    check(unsafe {
        bindings::devres_release(
            pdev.as_ref().as_raw(),
            Some(address_release),
            Some(address_match),
            ptr::from_mut(&mut wanted).cast(),
        )
    })
}

/// The addresses of whole-BAR mappings, as [`iomap_table()`] shows them to old drivers.
type IomapTable = [*mut c_void; NUM_RESOURCES];

/// A pointer that `struct pci_dev` has to what an entry of the device holds, so that the entry need
/// not be looked for.
///
/// It points to what the newest entry of its kind holds, or is [`LOOK`] where that entry could be in
/// a devres group: what a driver does while devres releases the group must not find it. The entry
/// makes it null when it is released, so while it is null devres would find none either.
///
/// # Invariants
///
/// The pointer is to a field of a `struct pci_dev`, which is valid for `'a` and written only here.
struct Shortcut<'a>(*mut *mut c_void, &'a Device<Bound>);

/// There is an entry, to be looked for each time.
const LOOK: *mut c_void = ptr::without_provenance_mut(1);

impl<'a> Shortcut<'a> {
    #[inline]
    fn to_table(pdev: &'a Device<Bound>) -> Self {
        // SAFETY: `pdev` is a valid device.
        let field = unsafe { &raw mut (*pdev.as_raw()).devres_table };
        // INVARIANT: This is such a field.
        Self(field, pdev)
    }

    #[inline]
    fn to_intx(pdev: &'a Device<Bound>) -> Self {
        // SAFETY: `pdev` is a valid device.
        let field = unsafe { &raw mut (*pdev.as_raw()).devres_intx };
        // INVARIANT: This is such a field.
        Self(field, pdev)
    }

    /// Returns what the entry holds that is known by `release`: the one that is there, or else the
    /// one that `add` adds to the device. `None` when there is no memory for it.
    ///
    /// Devres finds no entry any more when it releases them after the driver is gone, and neither
    /// does this.
    #[inline]
    fn find_or_add(
        &self,
        release: unsafe extern "C" fn(*mut bindings::device, *mut c_void),
        add: impl FnOnce() -> Option<NonNull<c_void>>,
    ) -> Option<NonNull<c_void>> {
        let dev: &device::Device<Bound> = self.1.as_ref();

        // SAFETY: By the type invariant. Others may write the field at the same time: one access.
        if let Some(known) = NonNull::new(unsafe { self.0.read_volatile() }) {
            if known.as_ptr() != LOOK && super::ownership::is_driven(self.1) {
                return Some(known);
            }
            if let Some(found) = find(dev, release) {
                return Some(found);
            }
        }
        // SAFETY: A reference to a device is a valid pointer to it.
        let grouped = unsafe { bindings::pci_devres_has_group(dev.as_raw()) };
        let added = add()?;
        self.set(if grouped { LOOK } else { added.as_ptr() });
        Some(added)
    }

    /// Forgets the entry that holds `data` and is being released.
    ///
    /// It may not be the newest: devres released it with its group, where it was not found any more,
    /// and another was added meanwhile.
    #[inline]
    fn forget(
        &self,
        release: unsafe extern "C" fn(*mut bindings::device, *mut c_void),
        data: *mut c_void,
    ) {
        // SAFETY: As in `find_or_add()`.
        let known = unsafe { self.0.read_volatile() };
        if known == data || (known == LOOK && find(self.1.as_ref(), release).is_none()) {
            self.set(ptr::null_mut());
        }
    }

    #[inline]
    fn set(&self, data: *mut c_void) {
        // SAFETY: As in `find_or_add()`.
        unsafe { self.0.write_volatile(data) };
    }
}

/// Identifies the entry of the [`IomapTable`]; each mapping has its own entry and releases itself.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`.
#[inline(never)]
unsafe extern "C" fn iomap_table_release(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirement above.
    let pdev = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: By the requirement above; `Device` is a transparent wrapper. Devres is not done yet.
    Shortcut::to_table(unsafe { &*pdev.cast() }).forget(iomap_table_release, res);
}

/// Returns the table of mapped BARs, allocating it the first time (may sleep then).
///
/// The table is valid until the driver is detached. `None` when there is no memory for it.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn iomap_table(pdev: &Device<Bound>) -> Option<NonNull<*mut c_void>> {
    let table = Shortcut::to_table(pdev).find_or_add(iomap_table_release, || {
        // Devres gives out zeroed memory, which is a table of null pointers.
        let entry = Entry::<MaybeUninit<IomapTable>>::reserve(
            iomap_table_release,
            c"pcim_iomap_release",
            local_node(pdev),
        );
        Some(entry.ok()?.get_or_add(pdev.as_ref()).cast())
    });
    table.map(NonNull::cast)
}

/// The same by the function that C drivers call, of which one copy is enough.
///
/// # Safety
///
/// As [`iomap_table()`].
#[inline]
unsafe fn shared_table(pdev: &Device<Bound>) -> Option<NonNull<*mut c_void>> {
    // SAFETY: By the requirement above.
    NonNull::new(unsafe { bindings::pcim_iomap_table(pdev.as_raw()) }.cast_mut())
}

/// Shows `addr` as the mapping of `bar` in the table.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR.
/// - `ENOMEM` when there is no memory for the table.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
unsafe fn table_set(pdev: &Device<Bound>, bar: c_int, addr: *mut c_void) -> Result {
    if !bar_is_valid(bar) {
        return Err(EINVAL);
    }
    // SAFETY: By the requirement above.
    let table = unsafe { shared_table(pdev) }.ok_or(ENOMEM)?;
    // SAFETY: `bar` is an index into the table, which lives until the driver is detached; the
    // caller makes one call at a time.
    unsafe { table.as_ptr().add(bar as usize).write(addr) };
    Ok(())
}

/// Takes `addr` out of the table. Ranged mappings are not in it and never collide.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
unsafe fn table_forget(pdev: &Device<Bound>, addr: *mut c_void) {
    // SAFETY: By the requirement above.
    let Some(table) = (unsafe { shared_table(pdev) }) else {
        return;
    };
    for bar in 0..bindings::PCI_STD_NUM_BARS as usize {
        // SAFETY: `bar` is an index into the table.
        let slot = unsafe { table.as_ptr().add(bar) };
        // SAFETY: As above; the caller makes one call at a time.
        if unsafe { slot.read() } == addr {
            // SAFETY: As above.
            unsafe { slot.write(ptr::null_mut()) };
            return;
        }
    }
}

/// Maps `bar`, at most `maxlen` bytes of it (0: all), without requesting its region.
///
/// May sleep.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR or it cannot be mapped.
/// - `ENOMEM` when there is no memory.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn iomap(pdev: &Device<Bound>, bar: c_int, maxlen: c_ulong) -> Result<NonNull<c_void>> {
    if !bar_is_valid(bar) {
        return Err(EINVAL);
    }
    let entry = address_entry(pdev)?;

    // SAFETY: `bar` is a valid index. This is what `pci_iomap()` does.
    let addr = unsafe { bindings::pci_iomap_range(pdev.as_raw(), bar, 0, maxlen) };
    let addr = NonNull::new(addr).ok_or(EINVAL)?;

    // SAFETY: By the requirement above.
    if let Err(e) = unsafe { table_set(pdev, bar, addr.as_ptr()) } {
        // SAFETY: Mapped above, and nobody has seen the address yet.
        unsafe { bindings::pci_iounmap(pdev.as_raw(), addr.as_ptr()) };
        return Err(e);
    }

    entry
        .fill(Address::Mapping(addr.as_ptr()))
        .add(pdev.as_ref());
    Ok(addr)
}

/// Undoes [`iomap()`] or [`iomap_range()`]; an address that is neither is ignored.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - Nobody may access the mapping any more.
#[inline]
pub unsafe fn iounmap(pdev: &Device<Bound>, addr: *mut c_void) {
    // SAFETY: By the requirements above.
    if unsafe { release(pdev, Address::Mapping(addr)) }.is_ok() {
        // SAFETY: By the requirements above.
        unsafe { table_forget(pdev, addr) };
    }
}

/// Requests the region of `bar` in the name of `name` and maps all of it.
///
/// May sleep.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR or it cannot be mapped.
/// - `EBUSY` when somebody else holds the region.
/// - `ENOMEM` when there is no memory.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `name` must be null or a C string that lives until the region is released.
#[inline]
pub unsafe fn iomap_region(
    pdev: &Device<Bound>,
    bar: c_int,
    name: *const c_char,
) -> Result<NonNull<c_void>> {
    if !bar_is_valid(bar) {
        return Err(EINVAL);
    }
    let entry = address_entry(pdev)?;

    // SAFETY: `bar` is a valid index; the caller vouches for `name`.
    check(unsafe { bindings::pci_request_region(pdev.as_raw(), bar, name) })?;

    // SAFETY: `bar` is a valid index. This is what `pci_iomap()` does.
    let addr = unsafe { bindings::pci_iomap_range(pdev.as_raw(), bar, 0, 0) };
    let Some(addr) = NonNull::new(addr) else {
        // SAFETY: Requested above.
        unsafe { bindings::pci_release_region(pdev.as_raw(), bar) };
        return Err(EINVAL);
    };

    entry
        .fill(Address::RegionMapping(bar, addr.as_ptr()))
        .add(pdev.as_ref());
    Ok(addr)
}

/// Undoes [`iomap_region()`]; a BAR that is not mapped by it is ignored.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - Nobody may access the mapping any more.
#[inline]
pub unsafe fn iounmap_region(pdev: &Device<Bound>, bar: c_int) {
    // SAFETY: By the requirement above. No entry is nothing to do.
    let _ = unsafe { release(pdev, Address::RegionMapping(bar, ptr::null_mut())) };
}

/// Requests and maps every BAR in `mask` as [`iomap_region()`] does, and shows it in the table.
///
/// May sleep. When one BAR fails, the ones before it are given back.
///
/// # Errors
///
/// As [`iomap_region()`].
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `name` must be null or a C string that lives until the regions are released.
/// - Nobody may access a mapping that [`iomap_region()`] made earlier: a failure gives it back.
#[inline]
pub unsafe fn iomap_regions(pdev: &Device<Bound>, mask: c_int, name: *const c_char) -> Result {
    let map = |bar: c_int| -> Result {
        // SAFETY: The caller vouches for `name`. This is `iomap_region()`, of which C's is a copy.
        let addr = unsafe { bindings::pcim_iomap_region(pdev.as_raw(), bar, name) };
        // CAST: What `ERR_PTR()` made of a `c_int`.
        match addr as isize {
            errno @ ..0 if errno >= -(bindings::MAX_ERRNO as isize) => Err(failed(errno as c_int)),
            // SAFETY: By the requirements above.
            _ => unsafe { table_set(pdev, bar, addr) },
        }
    };

    for bar in 0..NUM_RESOURCES as c_int {
        if mask & (1 << bar) == 0 {
            continue;
        }
        if let Err(e) = map(bar) {
            for bar in (0..bar).rev() {
                // SAFETY: The caller has not seen the mappings made here, and vouches for others.
                unsafe { bindings::pcim_iounmap_region(pdev.as_raw(), bar) };
                // SAFETY: By the requirements above. No memory for the table means that nothing
                // is shown in it.
                let _ = unsafe { table_set(pdev, bar, ptr::null_mut()) };
            }
            return Err(e);
        }
    }
    Ok(())
}

/// Maps `len` bytes from `offset` on of `bar` (0: to its end), without requesting its region.
///
/// May sleep.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR, `offset` is past its end, or it cannot be mapped.
/// - `ENOMEM` when there is no memory.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn iomap_range(
    pdev: &Device<Bound>,
    bar: c_int,
    offset: c_ulong,
    len: c_ulong,
) -> Result<NonNull<c_void>> {
    if !bar_is_valid(bar) {
        return Err(EINVAL);
    }
    let entry = address_entry(pdev)?;

    // SAFETY: `bar` is a valid index; the range is checked by the function.
    let addr = unsafe { bindings::pci_iomap_range(pdev.as_raw(), bar, offset, len) };
    let addr = NonNull::new(addr).ok_or(EINVAL)?;

    entry
        .fill(Address::Mapping(addr.as_ptr()))
        .add(pdev.as_ref());
    Ok(addr)
}

/// Requests the region of `bar` in the name of `name` without mapping it.
///
/// May sleep.
///
/// # Errors
///
/// - `EINVAL` when there is no such BAR.
/// - `EBUSY` when somebody else holds the region.
/// - `ENOMEM` when there is no memory.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `name` must be null or a C string that lives until the region is released.
#[inline]
pub unsafe fn request_region(pdev: &Device<Bound>, bar: c_int, name: *const c_char) -> Result {
    if !bar_is_valid(bar) {
        return Err(EINVAL);
    }
    let entry = address_entry(pdev)?;

    // SAFETY: `bar` is a valid index; the caller vouches for `name`.
    check(unsafe { bindings::pci_request_region(pdev.as_raw(), bar, name) })?;

    entry.fill(Address::Region(bar)).add(pdev.as_ref());
    Ok(())
}

/// Requests the regions of all standard BARs as [`request_region()`] does.
///
/// May sleep. When one fails, every region that [`request_region()`] requested is given back.
///
/// # Errors
///
/// As [`request_region()`].
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `name` must be null or a C string that lives until the regions are released.
#[inline]
pub unsafe fn request_all_regions(pdev: &Device<Bound>, name: *const c_char) -> Result {
    let bars = 0..bindings::PCI_STD_NUM_BARS as c_int;

    for bar in bars.clone() {
        // SAFETY: The caller vouches for `name`. This is `request_region()`, of which C's is a copy.
        let ret = unsafe { bindings::pcim_request_region(pdev.as_raw(), bar, name) };
        if ret != 0 {
            for bar in bars {
                // SAFETY: A region without a mapping has no users. No entry is nothing to do.
                let _ = unsafe { release(pdev, Address::Region(bar)) };
            }
            return Err(failed(ret));
        }
    }
    Ok(())
}

/// Runs `work` between adding the action `undo` to the device and, if `work` fails, removing it.
///
/// The action is there first, so that nothing can fail once the work is done.
#[inline]
fn with_action(
    pdev: &Device<Bound>,
    undo: unsafe extern "C" fn(*mut c_void),
    name: &'static CStr,
    work: impl FnOnce() -> Result,
) -> Result {
    let dev: &device::Device<Bound> = pdev.as_ref();
    let data = pdev.as_raw().cast();

    // SAFETY: `undo` takes the `struct pci_dev` that is given as data; it outlives its driver.
    check(unsafe {
        bindings::__devm_add_action(dev.as_raw(), Some(undo), data, name.as_char_ptr())
    })?;

    work().map_err(|e| without_action(pdev, undo, e))
}

/// Removes the action that [`with_action()`] has added, and passes on the error.
#[cold]
#[inline(never)]
fn without_action(
    pdev: &Device<Bound>,
    undo: unsafe extern "C" fn(*mut c_void),
    error: Error,
) -> Error {
    let dev: &device::Device<Bound> = pdev.as_ref();
    // SAFETY: The only caller has added it.
    unsafe { bindings::devm_remove_action(dev.as_raw(), Some(undo), pdev.as_raw().cast()) };
    error
}

/// # Safety
///
/// `pdev` must point to a `struct pci_dev` that [`enable_device()`] enabled.
#[inline(never)]
unsafe extern "C" fn disable_device(pdev: *mut c_void) {
    let pdev = pdev.cast::<bindings::pci_dev>();

    // SAFETY: By the requirement above.
    if unsafe { bindings::pci_dev::pinned_raw(pdev) } == 0 {
        // SAFETY: By the requirement above.
        unsafe { bindings::pci_disable_device(pdev) };
    }
    // SAFETY: By the requirement above; the driver is detached and sets no neighbouring bit.
    unsafe { bindings::pci_dev::set_is_managed_raw(pdev, 0) };
}

/// Enables the device; it is disabled when the driver is detached, unless it is pinned.
///
/// Interrupt vectors are not affected: who allocates them says who frees them. May sleep.
///
/// # Errors
///
/// - `ENOMEM` when there is no memory.
/// - What `pci_enable_device()` fails with.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn enable_device(pdev: &Device<Bound>) -> Result {
    with_action(pdev, disable_device, c"pcim_disable_device", || {
        // SAFETY: `pdev` is a valid device.
        check(unsafe { bindings::pci_enable_device(pdev.as_raw()) })
    })?;

    // SAFETY: `pdev` is a valid device; the caller makes one call at a time.
    unsafe { bindings::pci_dev::set_is_managed_raw(pdev.as_raw(), 1) };
    Ok(())
}

/// Leaves the device enabled when the driver is detached.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn pin_device(pdev: &Device<Bound>) {
    // SAFETY: `pdev` is a valid device; the caller makes one call at a time.
    unsafe { bindings::pci_dev::set_pinned_raw(pdev.as_raw(), 1) };
}

/// # Safety
///
/// `pdev` must point to a `struct pci_dev`.
#[inline(never)]
unsafe extern "C" fn clear_mwi(pdev: *mut c_void) {
    // SAFETY: By the requirement above.
    unsafe { bindings::pci_clear_mwi(pdev.cast()) };
}

/// Enables Memory-Write-Invalidate until the driver is detached. May sleep.
///
/// # Errors
///
/// - `ENOMEM` when there is no memory.
/// - What `pci_set_mwi()` fails with: `EINVAL` when the cache line size cannot be set.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn set_mwi(pdev: &Device<Bound>) -> Result {
    with_action(pdev, clear_mwi, c"__pcim_clear_mwi", || {
        // SAFETY: `pdev` is a valid device.
        check(unsafe { bindings::pci_set_mwi(pdev.as_raw()) })
    })
}

/// Sets INTx back to what it was, which `res` says.
///
/// # Safety
///
/// `dev` must be embedded in a `struct pci_dev`; `res` must point to a [`c_int`].
#[inline(never)]
unsafe extern "C" fn intx_restore(dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirements above.
    let pdev = unsafe { container_of!(dev, bindings::pci_dev, dev) };
    // SAFETY: By the requirements above; `Device` is a transparent wrapper.
    Shortcut::to_intx(unsafe { &*pdev.cast() }).forget(intx_restore, res);
    // SAFETY: By the requirements above.
    unsafe { bindings::pci_intx(pdev, *res.cast::<c_int>()) };
}

/// Enables or disables INTx; what the first call found is restored when the driver is detached.
///
/// May sleep the first time.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn intx(pdev: &Device<Bound>, enable: c_int) -> Result {
    let saved = Shortcut::to_intx(pdev).find_or_add(intx_restore, || {
        let entry = Entry::reserve(intx_restore, c"pcim_intx_restore", ANY_NODE);
        let entry = entry.ok()?;
        let mut command: u16 = 0;
        // SAFETY: `pdev` is a valid device. A failed read leaves all bits set, as in C.
        unsafe {
            bindings::pci_read_config_word(
                pdev.as_raw(),
                bindings::PCI_COMMAND as c_int,
                &mut command,
            )
        };
        let was: c_int = (u32::from(command) & bindings::PCI_COMMAND_INTX_DISABLE == 0).into();
        Some(entry.fill(was).add(pdev.as_ref()).cast())
    });
    saved.ok_or(ENOMEM)?;

    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_intx(pdev.as_raw(), enable) };
    Ok(())
}

/// # Safety
///
/// `res` must point to the resource that [`remap_iospace()`] remapped.
#[inline(never)]
unsafe extern "C" fn unmap_iospace(_dev: *mut bindings::device, res: *mut c_void) {
    // SAFETY: By the requirement above.
    unsafe { bindings::pci_unmap_iospace(*res.cast::<*mut bindings::resource>()) };
}

/// Remaps the I/O space of `res` to `phys_addr` until the driver is detached. May sleep.
///
/// # Errors
///
/// - `ENOMEM` when there is no memory.
/// - What `pci_remap_iospace()` fails with: `EINVAL` for a range out of the I/O space, `ENODEV`
///   on an architecture without memory mapped I/O space.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `res` must be a valid resource until the driver is detached.
#[inline]
pub unsafe fn remap_iospace(
    dev: &device::Device<Bound>,
    res: *const bindings::resource,
    phys_addr: bindings::phys_addr_t,
) -> Result {
    let entry = Entry::reserve(unmap_iospace, c"devm_pci_unmap_iospace", ANY_NODE)?;
    // SAFETY: By the requirement above.
    let ret = unsafe { bindings::pci_remap_iospace(res, phys_addr) };
    // Not an error like others: that is all there is on most architectures.
    if ret == -(bindings::ENODEV as c_int) {
        return Err(ENODEV);
    }
    check(ret)?;
    entry.fill(res).add(dev);
    Ok(())
}

/// Maps `size` bytes of configuration space at `offset` until the driver is detached.
///
/// The entry is one of `devm_ioremap()`'s, so that `devm_iounmap()` undoes it. May sleep.
///
/// # Errors
///
/// `ENOMEM` when there is no memory or the range cannot be mapped.
///
/// # Safety
///
/// The caller must be the driver of the device, and make one call at a time.
#[inline]
pub unsafe fn remap_cfgspace(
    dev: &device::Device<Bound>,
    offset: bindings::resource_size_t,
    size: bindings::resource_size_t,
) -> Result<NonNull<c_void>> {
    let entry = Entry::reserve(
        bindings::devm_ioremap_release,
        c"devm_ioremap_release",
        ANY_NODE,
    )?;
    // SAFETY: The function checks the range. The width of `resource_size_t` on 32 bits may exceed
    // that of the size, as in C.
    let addr = unsafe { bindings::pci_remap_cfgspace(offset, size as usize) };
    let addr = NonNull::new(addr).ok_or(ENOMEM)?;
    entry.fill(addr.as_ptr()).add(dev);
    Ok(addr)
}

/// Checks that `res` is memory, requests it and maps it with [`remap_cfgspace()`]. May sleep.
///
/// # Errors
///
/// Each is reported, but for the first `ENOMEM`:
///
/// - `EINVAL` when `res` is null or not memory.
/// - `ENOMEM` when there is no memory, or the region cannot be mapped.
/// - `EBUSY` when somebody else holds the region.
///
/// # Safety
///
/// - The caller must be the driver of the device, and make one call at a time.
/// - `res` must be null or a valid resource.
#[inline]
pub unsafe fn remap_cfg_resource(
    dev: &device::Device<Bound>,
    res: *const bindings::resource,
) -> Result<NonNull<c_void>> {
    // CAST: Flags are constants that fit.
    const TYPE_BITS: c_ulong = bindings::IORESOURCE_TYPE_BITS as c_ulong;
    const MEM: c_ulong = bindings::IORESOURCE_MEM as c_ulong;
    let raw = dev.as_raw();

    // SAFETY: By the requirement above.
    let Some(r) = (unsafe { res.as_ref() }).filter(|r| r.flags & TYPE_BITS == MEM) else {
        // SAFETY: `raw` is a valid device.
        unsafe { bindings::pci_devres_err_invalid(raw) };
        return Err(EINVAL);
    };
    let size = r.end.wrapping_sub(r.start).wrapping_add(1);

    // SAFETY: `raw` is a valid device; the names are C strings.
    let name: *const c_char = unsafe {
        let dev_name = bindings::dev_name(raw);
        if r.name.is_null() {
            bindings::devm_kstrdup(raw, dev_name, bindings::GFP_KERNEL)
        } else {
            let fmt = c"%s %s".as_char_ptr();
            bindings::devm_kasprintf(raw, bindings::GFP_KERNEL, fmt, dev_name, r.name)
        }
    };
    if name.is_null() {
        return Err(ENOMEM);
    }

    let parent = &raw mut bindings::iomem_resource;
    // SAFETY: `raw` is a valid device and `name` lives as long as the region does: both are
    // released with the device, the region first.
    if unsafe { bindings::__devm_request_region(raw, parent, r.start, size, name) }.is_null() {
        // SAFETY: Both are valid.
        unsafe { bindings::pci_devres_err_request(raw, res) };
        return Err(EBUSY);
    }

    // SAFETY: By the requirements above. This is `remap_cfgspace()`, of which C's is a copy.
    let addr = unsafe { bindings::devm_pci_remap_cfgspace(raw, r.start, size) };
    NonNull::new(addr).ok_or(ENOMEM).inspect_err(|_| {
        // SAFETY: Both are valid.
        unsafe { bindings::pci_devres_err_ioremap(raw, res) };
        // SAFETY: Requested above.
        unsafe { bindings::__devm_release_region(raw, parent, r.start, size) };
    })
}
