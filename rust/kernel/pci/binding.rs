// SPDX-License-Identifier: GPL-2.0

//! A driver's own binding to its device.
//!
//! That a device is bound says that it has *a* driver. [`Binding`] says that it is this driver's:
//! only the driver's own callbacks can make one, and what changes the device for everybody, vectors
//! and handlers, needs one.

use super::{
    registry::Registry,
    Device, //
};
use crate::device::{
    Bound,
    Core, //
};
use crate::prelude::*;
use core::marker::PhantomData;

/// The driver's own binding to its device: with it, vectors are allocated, and handlers registered.
///
/// It can be copied and kept in driver data, so that a driver brings its interrupts up and down
/// whenever it likes. [`Device<Core>`](Device) has the same calls for probe.
///
/// # Examples
///
/// ```
/// use kernel::{device::Core, pci, prelude::*};
///
/// struct Data<'bound> {
///     binding: pci::Binding<'bound>,
/// }
///
/// # #[allow(dead_code)]
/// fn probe<'bound>(pdev: &'bound pci::Device<Core<'_>>) -> Result<Data<'bound>> {
///     Ok(Data {
///         binding: pdev.binding()?,
///     })
/// }
///
/// # #[allow(dead_code)]
/// fn up(data: &Data<'_>) -> Result {
///     let vectors = data.binding.alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
///     pr_info!("{} vectors\n", vectors.len());
///     Ok(())
/// }
/// ```
///
/// Driver data is for the driver's callbacks. What may be called when the driver is not bound any
/// more, such as a file operation or a work item, gets at the binding through
/// [`WhileBound`](super::WhileBound).
///
/// # Soundness
///
/// - Forgotten, copied or dropped, it makes no difference: it owns nothing.
/// - Sent to another thread it works there: every call holds the lock of the [`Registry`].
/// - At the end of the remove callback, and when probe has failed, the registry is closed under that
///   lock. Later calls, from the destructor of driver data for example, fail with `ENODEV`.
/// - It borrows the device, so driver data is the longest-lived place for it, and the registry
///   outlives driver data. A handler cannot keep it: see [`irq_handler`](super::irq_handler).
/// - It is invariant in `'a`, so it fits no [`CovariantForLt`](trait@crate::types::CovariantForLt),
///   and there is no safe way to hand it to the driver of a child, whose text may go first.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    pub(super) dev: &'a Device<Bound>,
    pub(super) registry: &'a Registry,
    _invariant: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl Binding<'_> {
    /// Makes the binding of a registry that is not closed.
    ///
    /// # Safety
    ///
    /// `registry` must be the one of `dev`, whose driver must be the caller of this.
    pub(super) unsafe fn from_parts<'a>(
        dev: &'a Device<Bound>,
        registry: &'a Registry,
    ) -> Binding<'a> {
        Binding {
            dev,
            registry,
            _invariant: PhantomData,
        }
    }
}

impl<'c> Device<Core<'c>> {
    /// Returns the driver's binding to the device, for driver data. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM` when there is no memory.
    pub fn binding(&self) -> Result<Binding<'_>> {
        // SAFETY: A `Device<Core>` is what a driver's own callbacks get.
        let registry = unsafe { Registry::get(self) }?;
        // SAFETY: It is this device's; a `Device<Core>` is what only its own driver gets.
        Ok(unsafe { Binding::from_parts(self, registry) })
    }

    /// Returns the device with the lifetime of the binding.
    ///
    /// `'c` is the lifetime that the bus gave to the callback, which is generic over it: nothing
    /// tells a driver that `'c` is longer than the callback, so a value with it fits no static, no
    /// thread and no work item. Shortened, it can be kept in driver data, and as it is, in a
    /// handler. The [`Adapter`](super::Adapter) releases handlers first, at the end of the remove
    /// callback or when probe fails; then the driver core drops the driver data, then devres
    /// releases what the device manages. A `&Device<Core<'c>>` itself gets nowhere: it is not
    /// `Send`, and driver data has to be.
    ///
    /// This holds as long as safe code cannot put a value with a lifetime where it survives the
    /// binding, that is into something that takes a value that is not `'static`, keeps it when what
    /// it returned is forgotten, and makes it available again. In this crate these take such values:
    ///
    /// - `block::mq::Operations::QueueData` (`block/mq/operations.rs`) went into the disk, which a
    ///   forgotten `GenDisk` leaves registered. It has a `'static` bound here, which upstream lacks.
    /// - `miscdevice::MiscDevice::Ptr` (`miscdevice.rs`) is what an open file keeps, whatever becomes
    ///   of the registration. Its values are made by `open()`, which borrows nothing but the file and
    ///   the registration, and has a `'static` bound here all the same.
    /// - `auxiliary::Registration::new_with_lt()`, `devres::DevresLt::new()`,
    ///   `irq::Registration::new()` are unsafe for this reason.
    pub(super) fn for_binding(&self) -> &'c Device<Bound> {
        // SAFETY: As shown above, the reference is gone before the device is unbound.
        unsafe { &*self.as_raw().cast() }
    }
}

/// Closes the registry of a device whose probe fails.
///
/// Dropped at the end of the probe callback, when what it left unfinished is gone; forgotten once
/// there is driver data.
pub(super) struct ProbeUnwind<'a>(pub(super) &'a Device<Bound>);

impl Drop for ProbeUnwind<'_> {
    fn drop(&mut self) {
        Registry::close(self.0);
    }
}
