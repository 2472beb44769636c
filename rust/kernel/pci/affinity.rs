// SPDX-License-Identifier: GPL-2.0

//! How the vectors of an allocation are spread over the CPUs.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

use super::Device;
use crate::{
    bindings,
    cpumask::CpumaskVar,
    device::Bound,
    prelude::*, //
};

/// How the vectors of an allocation are spread over the CPUs: evenly, except for some at either
/// end, for instance one for an administrative queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IrqAffinity {
    /// The number of vectors at the beginning that are not spread.
    pub pre_vectors: u32,
    /// The number of vectors at the end that are not spread.
    pub post_vectors: u32,
}

impl IrqAffinity {
    /// Returns the C structure. The MSI core modifies it while it computes the masks.
    pub(super) fn into_raw(self) -> bindings::irq_affinity {
        bindings::irq_affinity {
            pre_vectors: self.pre_vectors,
            post_vectors: self.post_vectors,
            ..Default::default()
        }
    }
}

/// Returns a copy of the mask of a vector, if it has one.
///
/// # Errors
///
/// `ENOMEM` when there is no memory.
pub(super) fn of_vector(pdev: &Device<Bound>, index: usize) -> Result<Option<CpumaskVar>> {
    let index = i32::try_from(index)?;
    // SAFETY: `pdev` is a valid device.
    let mask = unsafe { bindings::pci_irq_get_affinity(pdev.as_raw(), index) };
    if mask.is_null() {
        return Ok(None);
    }
    // SAFETY: The mask lives as long as the vector, whose guard the caller has.
    let mask = unsafe { crate::cpumask::Cpumask::from_raw(mask) };
    Ok(Some(CpumaskVar::try_clone(mask)?))
}
