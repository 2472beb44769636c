// SPDX-License-Identifier: GPL-2.0

//! Template of a PCI driver outside the kernel tree (based on QEMU's `edu`).
//!
//! Copy the folder. Rename `my_pci_driver` here, in `Kbuild`, and in the name of this file. Put
//! your device into `PCI_TABLE`, and into `qemu-devices` if QEMU has it.
//! Documentation/PCI/rust-driver-out-of-tree.rst says how to build, boot and edit it.
//!
//! The device owns the interrupt vector, so there is nothing to free, and no order of freeing to
//! get wrong.

use kernel::{
    device::Core,
    io::{
        poll::read_poll_timeout,
        register,
        Io, //
    },
    irq::{
        self,
        Flags, //
    },
    pci::{
        self,
        IrqTypes, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::Delta, //
};

mod regs {
    use super::*;

    register! {
        /// The reasons for which the interrupt is raised, or 0.
        pub(super) IRQ_STATUS(u32) @ 0x24 {
            31:0 reasons;
        }

        /// Raises the interrupt for the reasons that are written to it.
        pub(super) IRQ_RAISE(u32) @ 0x60 {
            31:0 reasons;
        }

        /// Lowers the interrupt for the reasons that are written to it.
        pub(super) IRQ_ACKNOWLEDGE(u32) @ 0x64 {
            31:0 reasons;
        }
    }

    /// Length of the registers above.
    pub(super) const END: usize = 0x68;
}

/// The registers. Their offsets are checked at compile time.
type Bar0<'c> = pci::ManagedBar<'c, { regs::END }>;

/// Runs when the device interrupts. It may use the registers, which are unmapped after it is
/// released.
struct Handler<'c> {
    bar: Bar0<'c>,
    count: Arc<Atomic<u32>>,
}

impl irq::Handler for Handler<'_> {
    fn handle(&self) -> irq::IrqReturn {
        let reasons = self.bar.read(regs::IRQ_STATUS).reasons();
        if u32::from(reasons) == 0 {
            // Another device on the same INTx line has interrupted.
            return irq::IrqReturn::None;
        }
        self.bar
            .write_reg(regs::IRQ_ACKNOWLEDGE::zeroed().with_reasons(reasons));
        self.count.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

struct MyDriver;

/// The data of one device, from the end of `probe` until the driver is unbound.
struct MyData<'bound> {
    pdev: &'bound pci::Device,
    count: Arc<Atomic<u32>>,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <MyDriver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for MyDriver {
    type IdInfo = ();
    type Data<'bound> = MyData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bar: Bar0<'_> = pdev
            .pcim_enable_device()?
            .iomap_region_sized(0, c"my_pci_driver")?;
        // An MSI message is a write to memory, for which the device must be a bus master.
        pdev.set_master();

        let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqTypes::all())?;
        let count = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let handler = Handler {
            bar,
            count: count.clone(),
        };
        vectors
            .index(0)?
            .request(pdev, Flags::SHARED, c"my_pci_driver", Ok(handler))?
            .until_unbind();

        bar.write_reg(regs::IRQ_RAISE::zeroed().with_reasons(1u32));
        read_poll_timeout(
            || Ok(count.load(Relaxed)),
            |count| *count != 0,
            Delta::from_millis(1),
            Delta::from_secs(2),
        )
        .inspect_err(|_| dev_err!(pdev, "no interrupt within 2 s\n"))?;
        dev_info!(pdev, "bound, {} vector works\n", vectors.irq_type().name());

        Ok(MyData { pdev, count })
    }
}

impl Drop for MyData<'_> {
    fn drop(&mut self) {
        dev_info!(
            self.pdev,
            "unbound after {} interrupt(s)\n",
            self.count.load(Relaxed)
        );
    }
}

kernel::module_pci_driver! {
    type: MyDriver,
    name: "my_pci_driver",
    authors: ["Your name"],
    description: "PCI driver outside the kernel tree",
    license: "GPL v2",
}
