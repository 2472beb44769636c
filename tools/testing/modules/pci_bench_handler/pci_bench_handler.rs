// SPDX-License-Identifier: GPL-2.0

//! The handler of the benchmark in Rust: what `handler()` in `pci_bench/drivers.c` does.

use kernel::{
    device::Core,
    io::Io,
    irq::{
        self,
        Flags,
        IrqReturn, //
    },
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
};

const STATUS: usize = 0x24;
const ACKNOWLEDGE: usize = 0x64;
const END: usize = 0x68;

struct Handler<'c>(pci::ManagedBar<'c, END>);

impl irq::Handler for Handler<'_> {
    fn handle(&self) -> IrqReturn {
        let reasons = self.0.read32(STATUS);
        if reasons == 0 {
            return IrqReturn::None;
        }
        self.0.write32(reasons, ACKNOWLEDGE);
        IrqReturn::Handled
    }
}

struct Driver;

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let bar = pdev
            .pcim_enable_device()?
            .iomap_region_sized(0, c"bench")?;
        pdev.set_master();

        let msi = IrqTypes::default().with(IrqType::Msi);
        pdev.pcim_alloc_irq_vectors(1, 1, msi)?
            .index(0)?
            .request(pdev, Flags::SHARED, c"bench", Ok(Handler(bar)))?
            .until_unbind();
        Ok(Self)
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "pci_bench_handler",
    authors: ["PCI devres in Rust developers"],
    description: "Interrupt handler to measure",
    license: "GPL v2",
}
