// SPDX-License-Identifier: GPL-2.0

//! How the vectors of an allocation are spread over the CPUs.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)

use crate::bindings;

/// How the vectors of an allocation are spread over the CPUs: evenly, but for some at either end
/// that are left alone, for instance for an administrative queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IrqAffinity {
    /// How many vectors at the beginning are not spread.
    pub pre_vectors: u32,
    /// How many vectors at the end are not spread.
    pub post_vectors: u32,
}

impl IrqAffinity {
    /// Returns what C takes, which it changes while it computes.
    pub(super) fn into_raw(self) -> bindings::irq_affinity {
        bindings::irq_affinity {
            pre_vectors: self.pre_vectors,
            post_vectors: self.post_vectors,
            ..Default::default()
        }
    }
}
