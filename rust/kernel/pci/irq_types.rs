// SPDX-License-Identifier: GPL-2.0

//! The ways in which a PCI device interrupts.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)

use crate::bindings;

/// How a device signals an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IrqType {
    /// INTx interrupts, which several devices may share.
    Intx,
    /// Message Signaled Interrupts (MSI).
    Msi,
    /// Extended Message Signaled Interrupts (MSI-X).
    MsiX,
}

impl IrqType {
    /// Returns the flag of the C API.
    const fn as_raw(self) -> u32 {
        match self {
            Self::Intx => bindings::PCI_IRQ_INTX,
            Self::Msi => bindings::PCI_IRQ_MSI,
            Self::MsiX => bindings::PCI_IRQ_MSIX,
        }
    }

    /// Returns the name the PCI specification uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intx => "INTx",
            Self::Msi => "MSI",
            Self::MsiX => "MSI-X",
        }
    }
}

/// The types of interrupt that an allocation may choose from.
///
/// # Examples
///
/// ```
/// use kernel::pci::{IrqType, IrqTypes};
///
/// // Messages, but not INTx.
/// let types = IrqTypes::default().with(IrqType::Msi).with(IrqType::MsiX);
/// // One type is a set, too.
/// let only: IrqTypes = IrqType::MsiX.into();
/// # let _ = (types, only);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct IrqTypes(u32);

impl IrqTypes {
    /// MSI-X, MSI and INTx.
    pub const fn all() -> Self {
        Self(bindings::PCI_IRQ_ALL_TYPES)
    }

    /// Adds a type.
    pub const fn with(self, irq_type: IrqType) -> Self {
        Self(self.0 | irq_type.as_raw())
    }

    /// Returns the flags of the C API.
    pub(super) const fn as_raw(self) -> u32 {
        self.0
    }
}

impl From<IrqType> for IrqTypes {
    fn from(irq_type: IrqType) -> Self {
        Self::default().with(irq_type)
    }
}
