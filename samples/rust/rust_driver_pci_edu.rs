// SPDX-License-Identifier: GPL-2.0

//! Access to QEMU's `edu` device, for both samples of interrupt-vector ownership.
//!
//! The device computes a factorial and interrupts when it is done. Its registers are described in
//! `docs/specs/edu` of QEMU.

use kernel::{
    device::Core,
    io::{
        poll::read_poll_timeout,
        register,
        Io, //
    },
    irq,
    pci,
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
        /// Identification of the device.
        pub(super) ID(u32) @ 0x00 {
            31:24 major;
            23:16 minor;
            7:0 magic;
        }

        /// Computes the factorial of the number that is written to it.
        pub(super) FACTORIAL(u32) @ 0x08 {
            31:0 value;
        }

        /// Says whether the computation is running, and whether it interrupts at its end.
        pub(super) STATUS(u32) @ 0x20 {
            7:7 interrupt_when_done => bool;
        }

        /// The reasons for which the interrupt is raised, or 0.
        pub(super) IRQ_STATUS(u32) @ 0x24 {
            31:0 reasons;
        }

        /// Lowers the interrupt for the reasons that are written to it.
        pub(super) IRQ_ACKNOWLEDGE(u32) @ 0x64 {
            31:0 reasons;
        }
    }

    /// Length of the registers above.
    pub(super) const END: usize = 0x68;
    /// The value of `magic` in [`ID`].
    pub(super) const MAGIC: u32 = 0xed;
}

/// Vendor and device number.
pub(crate) const ID: pci::DeviceId = pci::DeviceId::from_numbers(0x1234, 0x11e8);

/// The number of interrupts that a handler has seen.
pub(crate) type Count = Arc<Atomic<u32>>;

/// The device, enabled and mapped until its driver is unbound.
#[derive(Clone, Copy)]
pub(crate) struct Edu<'c> {
    bar: pci::ManagedBar<'c, { regs::END }>,
}

impl<'c> Edu<'c> {
    /// Enables the device, maps its registers and checks that they are those of `edu`.
    pub(crate) fn new(pdev: &pci::Device<Core<'c>>) -> Result<Self> {
        let bar = pdev
            .pcim_enable_device()?
            .iomap_region_sized(0, c"edu")
            .inspect_err(|_| dev_err!(pdev, "cannot map the registers, BAR 0\n"))?;
        // An MSI message is a write to memory, for which the device must be a bus master.
        pdev.set_master();

        let id = bar.read(regs::ID);
        if u32::from(id.magic()) != regs::MAGIC {
            dev_err!(pdev, "not an edu device: id {:#010x}\n", id.into_raw());
            return Err(ENODEV);
        }
        Ok(Self { bar })
    }

    /// Returns a handler that acknowledges the interrupts of the device and counts them.
    pub(crate) fn handler(self, count: Count) -> Handler<'c> {
        Handler { edu: self, count }
    }

    /// Makes the device compute the factorial of 10 and waits for its interrupt.
    pub(crate) fn check(self, pdev: &pci::Device<Core<'_>>, count: &Count) -> Result {
        const N: u32 = 10;
        const FACTORIAL: u32 = 3_628_800;

        let before = count.load(Relaxed);
        self.bar
            .write_reg(regs::STATUS::zeroed().with_interrupt_when_done(true));
        self.bar.write_reg(regs::FACTORIAL::zeroed().with_value(N));

        read_poll_timeout(
            || Ok(count.load(Relaxed)),
            |now| *now != before,
            Delta::from_millis(1),
            Delta::from_secs(2),
        )
        .inspect_err(|_| dev_err!(pdev, "no interrupt within 2 s\n"))?;

        let answer: u32 = self.bar.read(regs::FACTORIAL).value().into();
        if answer != FACTORIAL {
            dev_err!(
                pdev,
                "{}! is {}, the device says {}\n",
                N,
                FACTORIAL,
                answer
            );
            return Err(EIO);
        }
        dev_info!(pdev, "{}! = {}\n", N, answer);
        Ok(())
    }
}

/// The interrupt handler. It borrows the mapping, which outlives it: handlers are released before
/// the device unmaps the BAR.
pub(crate) struct Handler<'c> {
    edu: Edu<'c>,
    count: Count,
}

impl irq::Handler for Handler<'_> {
    fn handle(&self) -> irq::IrqReturn {
        let reasons = self.edu.bar.read(regs::IRQ_STATUS).reasons();
        if u32::from(reasons) == 0 {
            // Another device on the same INTx line has interrupted.
            return irq::IrqReturn::None;
        }
        self.edu
            .bar
            .write_reg(regs::IRQ_ACKNOWLEDGE::zeroed().with_reasons(reasons));
        self.count.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}
