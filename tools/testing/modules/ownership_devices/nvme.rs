// SPDX-License-Identifier: GPL-2.0

//! Interrupts of QEMU's `nvme`: the controller sends the message of vector 0 when it has completed
//! an administrative command.
//!
//! Registers: NVM Express Base Specification, section 3.1, Controller Properties.

use super::{
    check,
    is_free,
    msix,
    seen::Seen,
    Device, //
};
use kernel::{
    dma::Coherent,
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    pci,
    prelude::*,
    time::Delta, //
};

/// Controller configuration: enabled, entries of 64 and 16 bytes.
const CC: usize = 0x14;
const CC_ENABLED: u32 = 1 | 6 << 16 | 4 << 20;
/// Controller status: bit 0 says that it is ready.
const CSTS: usize = 0x1c;
/// Administrative queues: their number of entries less one, and their addresses.
const AQA: usize = 0x24;
const ASQ: usize = 0x28;
const ACQ: usize = 0x30;
/// Doorbells: the tail of the submission queue, the head of the completion queue.
const SQ_TAIL: usize = 0x1000;
const CQ_HEAD: usize = 0x1004;

const PAGE: usize = 4096;
const ENTRIES: u32 = 64;

/// The controller, with queues for administrative commands.
struct Controller<'c> {
    bar: pci::ManagedBar<'c>,
    tail: u32,
    _queues: [Coherent<[u64]>; 2],
}

impl<'c> Controller<'c> {
    /// Starts the controller. MSI-X must be enabled before.
    fn new(pdev: &Device<'c>) -> Result<Self> {
        let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x1008)?;
        let queue = || Coherent::<u64>::zeroed_slice(pdev.as_ref(), PAGE / 8, GFP_KERNEL);
        let queues = [queue()?, queue()?];

        bar.try_write32(0, CC)?;
        bar.try_write32((ENTRIES - 1) << 16 | (ENTRIES - 1), AQA)?;
        for (at, queue) in [ASQ, ACQ].into_iter().zip(&queues) {
            let address = queue.dma_address();
            bar.try_write32(address as u32, at)?;
            bar.try_write32((address >> 32) as u32, at + 4)?;
        }
        bar.try_write32(CC_ENABLED, CC)?;
        read_poll_timeout(
            || bar.try_read32(CSTS),
            |status| status & 1 != 0,
            Delta::from_millis(1),
            Delta::from_secs(2),
        )?;
        Ok(Self {
            bar,
            tail: 0,
            _queues: queues,
        })
    }

    /// Submits a command, and returns whether a handler ran. The queue is filled with zeroes, which
    /// is an invalid command. It completes with an error, which is ignored.
    fn interrupts(&mut self, seen: &Seen) -> Result<bool> {
        let before = seen.calls();
        self.tail = (self.tail + 1) % ENTRIES;
        self.bar.try_write32(self.tail, SQ_TAIL)?;
        let now = read_poll_timeout(
            || Ok(seen.calls()),
            |now| *now != before,
            Delta::from_micros(100),
            Delta::from_millis(200),
        );
        self.bar.try_write32(self.tail, CQ_HEAD)?;
        Ok(now.is_ok())
    }
}

impl Drop for Controller<'_> {
    fn drop(&mut self) {
        // The controller must not write to the queues any more.
        let _ = self.bar.try_write32(0, CC);
    }
}

pub(crate) fn explicit_vector_interrupts(pdev: &Device<'_>) -> Result {
    let (seen, other) = (Seen::new()?, Seen::new()?);
    let vectors = pdev.alloc_irq_vectors(4, 4, msix())?;
    let mut nvme = Controller::new(pdev)?;
    let handle = seen.register(pdev, vectors.index(0)?)?;
    other.register(pdev, vectors.index(1)?)?.until_unbind();
    for _ in 0..100 {
        check!(nvme.interrupts(&seen)?);
    }
    check!(other.calls() == 0);
    drop(handle);
    check!(!nvme.interrupts(&seen)?);

    // A handler that runs in a thread, and one that is forgotten.
    let handle = seen.register_threaded(pdev, vectors.index(0)?)?;
    check!(nvme.interrupts(&seen)?);
    drop(handle);
    core::mem::forget(seen.register(pdev, vectors.index(0)?)?);
    check!(nvme.interrupts(&seen)?);
    check!(vectors.free().is_ok());
    check!(seen.dropped() == 3);
    check!(!nvme.interrupts(&seen)?);
    check!(is_free(pdev));
    Ok(())
}

/// A last case: the handlers stay until the end of the binding.
pub(crate) fn managed_vector_interrupts(pdev: &Device<'_>) -> Result {
    let seen = Seen::new()?;
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, msix())?;
    let mut nvme = Controller::new(pdev)?;
    seen.register(pdev, vectors.index(0)?)?.until_unbind();
    for _ in 0..100 {
        check!(nvme.interrupts(&seen)?);
    }
    Ok(())
}
