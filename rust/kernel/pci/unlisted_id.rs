// SPDX-License-Identifier: GPL-2.0

//! PCI device ids of vendors that `pci_ids.h` does not list, so that [`Vendor`](super::Vendor) has
//! no name for them.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use super::DeviceId;

impl DeviceId {
    /// Creates the id of a device from its vendor and device numbers, as `lspci -n` shows them.
    ///
    /// # Examples
    ///
    /// ```
    /// // The educational device of QEMU.
    /// const EDU: kernel::pci::DeviceId = kernel::pci::DeviceId::from_numbers(0x1234, 0x11e8);
    /// # let _ = EDU;
    /// ```
    pub const fn from_numbers(vendor: u16, device: u16) -> Self {
        let mut id = Self::from_class(0, 0);
        // CAST: Both casts widen.
        id.0.vendor = vendor as u32;
        id.0.device = device as u32;
        id
    }
}
