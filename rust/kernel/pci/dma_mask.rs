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
    /// To be called in probe, before anything is registered below the device. May sleep.
    ///
    /// # Errors
    ///
    /// - `EBUSY` when there are devices below this one, whose drivers may be using DMA of this one, or
    ///   data of [`Self::while_bound`], whose users may be.
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
        // SAFETY: `dev` is a valid device; the function takes any device, and no data.
        if unsafe { bindings::device_for_each_child(dev, ptr::null_mut(), Some(may_use_dma)) } != 0
        {
            return Err(EBUSY);
        }
        // SAFETY: `dev` is a valid device. Nobody allocates or maps meanwhile: that takes the
        // device as one that is bound, which this callback has, the drivers of devices below it,
        // and users of what is kept. There are none, and this callback, which is here, makes none.
        to_result(unsafe { bindings::dma_set_mask_and_coherent(dev, mask.value()) })
    }
}

/// Tells whether a child of the device is one that may use its DMA, which is any but a statistic of
/// its wakeups.
///
/// # Safety
///
/// `child` must be a valid device.
unsafe extern "C" fn may_use_dma(child: *mut bindings::device, _data: *mut c_void) -> c_int {
    // SAFETY: By the requirement above; the class of a device lives as long as the device.
    let class = unsafe { (*child).class.as_ref() };
    let Some(class) = class else { return 1 };
    // SAFETY: The name of a class is a string.
    let name = unsafe { CStr::from_char_ptr(class.name) };
    (name.to_bytes() != b"wakeup").into()
}
