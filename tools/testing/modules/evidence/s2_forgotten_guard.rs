// SPDX-License-Identifier: GPL-2.0

//! This driver forgets the guard of its vectors the first time it is bound, and drops it the second
//! time.

use kernel::{
    device::Core,
    pci::{
        self,
        IrqTypes, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// How often the driver has been bound.
static BOUND: Atomic<u32> = Atomic::new(0);

struct Driver;

kernel::pci_device_table!(
    TABLE,
    <Driver as pci::Driver>::IdInfo,
    // This is the class of QEMU's edu, because upstream has no name for its vendor.
    [(pci::DeviceId::from_class(0x00ff00, 0xffffff), ())]
);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let vectors = pdev.alloc_irq_vectors(1, 1, IrqTypes::all())?;
        if BOUND.fetch_add(1, Relaxed) == 0 {
            dev_info!(pdev, "evidence: forgets the guard\n");
            core::mem::forget(vectors);
        } else {
            dev_info!(pdev, "evidence: drops the guard\n");
        }
        Ok(Self)
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "s2_forgotten_guard",
    authors: ["PCI devres in Rust developers"],
    description: "Forgets a guard",
    license: "GPL v2",
}
