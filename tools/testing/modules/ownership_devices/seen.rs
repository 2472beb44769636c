// SPDX-License-Identifier: GPL-2.0

//! Handlers that count their calls, and record when they are dropped.

use super::Device;
use kernel::{
    irq::{
        self,
        Flags, //
    },
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    types::CovariantForLt, //
};

struct Counts {
    calls: Atomic<u32>,
    dropped: Atomic<u32>,
}

/// The counts of the handlers of one case.
pub(crate) struct Seen(Arc<Counts>);

pub(crate) struct Handler(Arc<Counts>);

impl irq::Handler for Handler {
    fn handle(&self) -> irq::IrqReturn {
        self.0.calls.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

impl irq::ThreadedHandler for Handler {
    fn handle_threaded(&self) -> irq::IrqReturn {
        self.0.calls.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.dropped.add(1, Relaxed);
    }
}

impl Seen {
    pub(crate) fn new() -> Result<Self> {
        let counts = Counts {
            calls: Atomic::new(0),
            dropped: Atomic::new(0),
        };
        Ok(Self(Arc::new(counts, GFP_KERNEL)?))
    }

    pub(crate) fn calls(&self) -> u32 {
        self.0.calls.load(Relaxed)
    }

    /// Returns how many of the handlers are gone.
    pub(crate) fn dropped(&self) -> u32 {
        self.0.dropped.load(Relaxed)
    }

    /// Registers a handler for `vector`.
    pub(crate) fn register<'a, V: Copy>(
        &self,
        pdev: &'a Device<'_>,
        vector: pci::IrqVector<'a, V>,
    ) -> Result<pci::IrqHandle<'a, Handler>> {
        let handler = Ok(Handler(self.0.clone()));
        vector.request(pdev, Flags::TRIGGER_NONE, c"ownership_devices", handler)
    }

    /// Registers a handler with the binding.
    pub(crate) fn register_later<'a>(
        &self,
        binding: pci::Binding<'a>,
        vector: pci::IrqVector<'_, impl Copy>,
    ) -> Result<pci::IrqHandle<'a, Handler>> {
        let name = c"ownership_devices";
        binding.request::<CovariantForLt!(Handler)>(vector, Flags::TRIGGER_NONE, name, |_| {
            Ok(Handler(self.0.clone()))
        })
    }

    /// Registers a handler that runs in a thread.
    pub(crate) fn register_threaded<'a, V: Copy>(
        &self,
        pdev: &'a Device<'_>,
        vector: pci::IrqVector<'a, V>,
    ) -> Result<pci::IrqHandle<'a, Handler>> {
        let handler = Ok(Handler(self.0.clone()));
        vector.request_threaded(pdev, Flags::ONESHOT, c"ownership_devices", handler)
    }

    /// Registers a handler for each of the vectors, until they are freed.
    pub(crate) fn register_all(
        &self,
        pdev: &Device<'_>,
        vectors: &pci::IrqVectorRegistration<'_>,
    ) -> Result {
        for i in 0..vectors.len() {
            self.register(pdev, vectors.index(i)?)?.until_unbind();
        }
        Ok(())
    }

    /// Does the same for vectors that the device owns.
    pub(crate) fn register_all_managed(
        &self,
        pdev: &Device<'_>,
        vectors: pci::ManagedIrqVectors<'_>,
    ) -> Result {
        for i in 0..vectors.len() {
            self.register(pdev, vectors.index(i)?)?.until_unbind();
        }
        Ok(())
    }
}
