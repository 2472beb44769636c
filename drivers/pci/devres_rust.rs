// SPDX-License-Identifier: GPL-2.0

//! Device-managed PCI resources: the functions of `drivers/pci/devres.c`, in Rust.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)
//!
//! Every resource is one entry on the device's devres list. The driver core releases the entries
//! in reverse order after the driver is detached. Nothing in here concerns interrupt vectors:
//! enabling a device does not decide who frees them.
//!
//! `devres_exports.c` exports the symbols, because most originals have `EXPORT_SYMBOL()`.
//!
//! The functions require of their callers what the C originals require. The `# Safety` sections
//! below call that *the driver's call*: the device is valid and bound, the caller is its driver,
//! and the driver makes one such call at a time.

use kernel::{bindings, device, ffi::c_int, pci::Device};

#[path = "devres_rust/bars.rs"]
mod bars;
#[path = "devres_rust/enable.rs"]
mod enable;
#[path = "devres_rust/remap.rs"]
mod remap;

/// Says that the memory of an entry may come from any memory node.
const ANY_NODE: c_int = bindings::NUMA_NO_NODE;

/// Returns the device in a `struct pci_dev`.
///
/// # Safety
///
/// `pdev` must be a valid device for the duration of `'a`.
#[inline]
unsafe fn device_of<'a>(pdev: *mut bindings::pci_dev) -> &'a device::Device {
    // SAFETY: `Device` wraps `struct pci_dev` transparently, and the caller says that it is valid.
    let pdev: &Device = unsafe { &*pdev.cast() };
    pdev.as_ref()
}
