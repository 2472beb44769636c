// SPDX-License-Identifier: GPL-2.0

//! This driver is h7_second_allocation.c in Rust: it allocates twice, and drops the second guard.

use kernel::{
    device::Core,
    irq,
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*, //
};

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

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
        let first = pdev.alloc_irq_vectors(1, 1, IrqTypes::default().with(IrqType::Msi))?;
        let request = first.index(0)?.into();
        // SAFETY: Nobody forgets the registration: it is dropped at the end of this function.
        let init =
            unsafe { irq::Registration::new(request, irq::Flags::TRIGGER_NONE, c"s1", Ok(Quiet)) };
        let _handler = KBox::pin_init(init, GFP_KERNEL)?;

        // From here on everything is safe code.
        match pdev.alloc_irq_vectors(1, 1, IrqTypes::all()) {
            Ok(second) => {
                dev_info!(
                    pdev,
                    "evidence: a second guard, of {} vector\n",
                    second.len()
                );
                drop(second);
            }
            Err(e) => dev_info!(pdev, "evidence: no second guard: {}\n", e.to_errno()),
        }
        dev_info!(
            pdev,
            "evidence: the first guard has {:?} vectors\n",
            first.irq_type()
        );
        Ok(Self)
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "s1_second_allocation",
    authors: ["PCI devres in Rust developers"],
    description: "Allocates vectors twice",
    license: "GPL v2",
}
