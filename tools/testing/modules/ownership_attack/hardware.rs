// SPDX-License-Identifier: GPL-2.0

//! Interrupts of QEMU's `edu` and `e1000e` that software raises, for the attacks.

use super::*;

/// How the registers of a device raise an interrupt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Edu,
    E1000e,
}

impl Kind {
    /// The type with the most vectors.
    pub(crate) fn messages(self) -> IrqType {
        match self {
            Self::Edu => IrqType::Msi,
            Self::E1000e => IrqType::MsiX,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edu => "edu",
            Self::E1000e => "e1000e",
        }
    }
}

/// Raises an interrupt of `edu` when written with a reason.
const EDU_RAISE: usize = 0x60;
/// Lowers it when written with the reason.
const EDU_ACKNOWLEDGE: usize = 0x64;

/// Registers of `e1000e`: they raise causes, enable causes, disable causes, select the causes that
/// are cleared with their message, and assign vectors.
const ICS: usize = 0xc8;
const IMS: usize = 0xd0;
const IMC: usize = 0xd8;
const EIAC: usize = 0xdc;
const IVAR: usize = 0xe4;
/// The causes of the interrupts with vector 0 to 4.
const CAUSES: u32 = 0x1f << 20;
/// Vector N for interrupt N, valid.
const ENTRIES: u32 = 0xcba98;

/// The registers of a device.
#[derive(Clone, Copy)]
pub(crate) struct Hardware<'c> {
    pub(crate) kind: Kind,
    pub(crate) bar: ManagedBar<'c>,
}

impl<'c> Hardware<'c> {
    pub(crate) fn new(kind: Kind, pdev: &Device<'c>) -> Result<Self> {
        let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
        pdev.set_master();
        let hardware = Self { kind, bar };
        if kind == Kind::E1000e {
            bar.try_write32(u32::MAX, IMC)?;
            bar.try_write32(ENTRIES, IVAR)?;
            bar.try_write32(CAUSES, EIAC)?;
        }
        Ok(hardware)
    }

    /// Lends it to data that others may use while the driver is bound.
    pub(crate) fn lend<'h>(&self, lend: pci::Lend<'h>) -> Result<Hardware<'h>> {
        Ok(Hardware {
            kind: self.kind,
            bar: lend.bar(self.bar)?,
        })
    }

    pub(crate) fn share(&self, pdev: &Device<'c>) -> Result<Arc<Lent>> {
        pdev.while_bound(|lend| Ok(KBox::pin(self.lend(lend)?, GFP_KERNEL)?))
    }

    /// Raises an interrupt for each vector, or on the INTx line.
    pub(crate) fn raise(&self) -> Result {
        match self.kind {
            Kind::Edu => self.bar.try_write32(1, EDU_RAISE),
            Kind::E1000e => {
                self.bar.try_write32(CAUSES, IMS)?;
                self.bar.try_write32(CAUSES, ICS)
            }
        }
    }

    /// Lowers the interrupts that were raised.
    pub(crate) fn acknowledge(&self) {
        let _ = match self.kind {
            Kind::Edu => self.bar.try_write32(1, EDU_ACKNOWLEDGE),
            Kind::E1000e => self.bar.try_write32(u32::MAX, IMC),
        };
    }
}

/// A handler that acknowledges its interrupt.
pub(crate) struct Acknowledge<'c>(pub(crate) Hardware<'c>);

impl irq::Handler for Acknowledge<'_> {
    fn handle(&self) -> irq::IrqReturn {
        self.0.acknowledge();
        irq::IrqReturn::Handled
    }
}

impl irq::ThreadedHandler for Acknowledge<'_> {
    /// If the line is not masked until the thread has run, it must be low when this returns.
    fn handle(&self) -> irq::ThreadedIrqReturn {
        self.0.acknowledge();
        irq::ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}
