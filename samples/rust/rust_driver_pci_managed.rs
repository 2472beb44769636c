// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample whose interrupt vectors the device owns (based on QEMU's `edu`).
//!
//! To make this driver probe, QEMU must be run with `-device edu`.
//!
//! `pcim_alloc_irq_vectors()` is managed: the device frees the vectors when the driver is unbound.
//! Compare `rust_driver_pci_explicit.rs`, which does the same with vectors that the driver owns.

#[path = "rust_driver_pci_edu.rs"]
mod edu;

use edu::Edu;
use kernel::{
    device::Core,
    irq::Flags,
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

struct ManagedDriver;

struct ManagedData<'bound> {
    pdev: &'bound pci::Device,
    interrupts: edu::Count,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <ManagedDriver as pci::Driver>::IdInfo,
    [(edu::ID, ())]
);

impl pci::Driver for ManagedDriver {
    type IdInfo = ();
    type Data<'bound> = ManagedData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let edu = Edu::new(pdev)?;

        let types = IrqTypes::default().with(IrqType::Msi).with(IrqType::Intx);
        let vectors = pdev
            .pcim_alloc_irq_vectors(1, 1, types)
            .inspect_err(|e| dev_err!(pdev, "no interrupt vector: {:?}\n", e))?;

        let interrupts = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        vectors
            .index(0)?
            .request(
                pdev,
                Flags::SHARED,
                c"edu",
                Ok(edu.handler(interrupts.clone())),
            )
            .inspect_err(|e| dev_err!(pdev, "cannot register the handler: {:?}\n", e))?
            .until_unbind();

        edu.check(pdev, &interrupts)?;
        dev_info!(
            pdev,
            "{} vector, managed by the device\n",
            vectors.irq_type().name()
        );

        Ok(ManagedData { pdev, interrupts })
    }
}

impl Drop for ManagedData<'_> {
    fn drop(&mut self) {
        dev_info!(
            self.pdev,
            "unbound after {} interrupt(s)\n",
            self.interrupts.load(Relaxed)
        );
    }
}

kernel::module_pci_driver! {
    type: ManagedDriver,
    name: "rust_driver_pci_managed",
    authors: ["PCI devres in Rust developers"],
    description: "Rust PCI driver with managed interrupt vectors",
    license: "GPL v2",
}
