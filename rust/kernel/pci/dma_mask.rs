// SPDX-License-Identifier: GPL-2.0

//! The addresses that a PCI device can reach by DMA.
//!
//! C header: [`include/linux/dma-mapping.h`](srctree/include/linux/dma-mapping.h)

use super::Device;
use crate::{
    bindings,
    device::Core,
    dma::DmaMask,
    error::to_result,
    ffi::c_void,
    prelude::*, //
};
use core::ptr;

impl<'c> Device<Core<'c>> {
    /// Says which addresses the device can reach, for streaming and for coherent DMA.
    ///
    /// Call it in probe, before anything is registered below the device. May sleep.
    ///
    /// # Errors
    ///
    /// - `EBUSY` when the device has children, whose drivers may be using its DMA, or keeps data of
    ///   [`Self::while_bound`], whose users may be using it.
    /// - `ENODEV` when the driver is being detached, `ENOMEM` when there is no memory.
    /// - `EIO` when the system has no memory for DMA that the device can reach.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, dma::DmaMask, pci, prelude::*};
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     pdev.set_dma_mask(DmaMask::new::<64>())
    /// }
    /// ```
    pub fn set_dma_mask(&self, mask: DmaMask) -> Result {
        let calls = self.binding()?.registry.lock()?;
        if calls.keeps_any() {
            return Err(EBUSY);
        }
        let dev = self.as_ref().as_raw();
        // SAFETY: `dev` is a valid device. `may_use_dma()` takes any device, and does not use its
        // second argument.
        if unsafe { bindings::device_for_each_child(dev, ptr::null_mut(), Some(may_use_dma)) } != 0
        {
            return Err(EBUSY);
        }
        // SAFETY: `dev` is a valid device. Nobody allocates or maps DMA memory at the same time.
        // That takes a reference to the bound device, which only three have: drivers of children
        // and users of kept data, of which there are none, and this callback, which is in this
        // call.
        to_result(unsafe { bindings::dma_set_mask_and_coherent(dev, mask.value()) })
    }
}

/// Returns 1 if the driver of a child may use the device for DMA. Every child counts, except for
/// the device that only shows wakeup statistics.
///
/// # Safety
///
/// `child` must be a valid device.
unsafe extern "C" fn may_use_dma(child: *mut bindings::device, _data: *mut c_void) -> c_int {
    // SAFETY: The caller passes a valid device, and the class of a device outlives it.
    let class = unsafe { (*child).class.as_ref() };
    let Some(class) = class else { return 1 };
    // SAFETY: The name of a class is a C string.
    let name = unsafe { CStr::from_char_ptr(class.name) };
    (name.to_bytes() != b"wakeup").into()
}
