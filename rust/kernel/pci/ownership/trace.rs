// SPDX-License-Identifier: GPL-2.0

//! The trace events `pci_irq_vectors:*`, which record the decisions of the rule.
//!
//! C header: [`drivers/pci/msi/ownership_trace.h`](srctree/drivers/pci/msi/ownership_trace.h)

use super::{
    Device,
    Owner,
    Refusal, //
};
use crate::bindings;

#[inline]
pub(super) fn alloc(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_alloc(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn add(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_add(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn claim(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_claim(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn free(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_free(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn free_one(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_free_one(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn contain(pdev: &Device, owner: Owner) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_contain(pdev.as_raw(), owner) };
}

#[inline]
pub(super) fn refuse(pdev: &Device, owner: Owner, reason: Refusal) {
    // SAFETY: `pdev` is a valid device.
    unsafe { bindings::pci_irq_vectors_trace_refuse(pdev.as_raw(), owner, reason) };
}
