// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample that owns its interrupt vectors (based on QEMU's `edu`).
//!
//! To make this driver probe, QEMU must be run with `-device edu`.
//!
//! `alloc_irq_vectors()` is explicit: the driver keeps the guard of the vectors in its data, and
//! frees them by dropping it. Compare `rust_driver_pci_managed.rs`, where the device does that.

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

struct ExplicitDriver;

struct ExplicitData<'bound> {
    pdev: &'bound pci::Device,
    interrupts: edu::Count,
    /// Frees the vectors when it is dropped.
    _vectors: pci::IrqVectorRegistration<'bound>,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <ExplicitDriver as pci::Driver>::IdInfo,
    [(edu::ID, ())]
);

impl pci::Driver for ExplicitDriver {
    type IdInfo = ();
    type Data<'bound> = ExplicitData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let edu = Edu::new(pdev)?;

        let types = IrqTypes::default().with(IrqType::Msi).with(IrqType::Intx);
        let vectors = pdev
            .alloc_irq_vectors(1, 1, types)
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
            "{} vector, owned by the driver\n",
            vectors.irq_type().name()
        );

        Ok(ExplicitData {
            pdev,
            interrupts,
            _vectors: vectors,
        })
    }
}

impl Drop for ExplicitData<'_> {
    fn drop(&mut self) {
        dev_info!(
            self.pdev,
            "unbound after {} interrupt(s)\n",
            self.interrupts.load(Relaxed)
        );
    }
}

kernel::module_pci_driver! {
    type: ExplicitDriver,
    name: "rust_driver_pci_explicit",
    authors: ["PCI devres in Rust developers"],
    description: "Rust PCI driver with explicit interrupt vectors",
    license: "GPL v2",
}
