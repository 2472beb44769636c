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
use crate::{
    bindings,
    device::{
        Bound,
        Core, //
    },
    ffi::c_void,
    prelude::*, //
};
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
/// - Sent to another thread it works there: every call holds the lock of the binding.
/// - At the end of the remove callback, and when probe has failed, the binding is closed under that
///   lock. Later calls, from the destructor of driver data for example, fail with `ENODEV`.
/// - It borrows the device, so driver data is the longest-lived place for it, and what it stands
///   for outlives driver data. A handler cannot keep it: see
///   [`IrqVector::request`](super::IrqVector::request).
/// - It is invariant in `'a`, so it fits no [`CovariantForLt`](trait@crate::types::CovariantForLt).
///   A driver can lend it to the driver of a child, through [`WhileBound`](super::WhileBound). The
///   module of that can be removed first, so what would leave its code behind is refused with
///   `EPERM`: a handler, and data for `WhileBound`.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    pub(super) dev: &'a Device<Bound>,
    pub(super) registry: &'a Registry,
    _invariant: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> Binding<'a> {
    /// Returns the device, which is bound as long as this can be used.
    #[inline]
    pub fn device(self) -> &'a Device<Bound> {
        self.dev
    }

    /// Makes the binding of a registry that is not closed.
    ///
    /// # Safety
    ///
    /// `registry` must be the one of `dev`, whose driver must be the caller of this.
    pub(super) unsafe fn from_parts(dev: &'a Device<Bound>, registry: &'a Registry) -> Self {
        Self {
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
    /// binding: into something that takes values that are not `'static`, keeps them when what it
    /// returned is forgotten, and uses them again. What this crate has of the kind, by the lines of
    /// Linux 7.3:
    ///
    /// - `QueueData` of a block device, `block/mq/operations.rs:33`. A forgotten `GenDisk` stays
    ///   registered, with its data. Upstream has no bound; ours is `'static`.
    /// - `Ptr` of an open file, `miscdevice.rs:128`, which stays open whatever becomes of the
    ///   registration. `open()` gets nothing with a lifetime to put into it; the bound is `'static`
    ///   all the same. So is that of the data that a registration can have in this tree.
    /// - `PData` of cpufreq, `cpufreq.rs:751`, and `Data` of DRM, `drm/driver.rs:107`. Nothing with
    ///   a lifetime gets into the first, which is made from a policy; and a driver that has the
    ///   second has objects, which are `'static` (`drm/gem/mod.rs:87`), and so it is.
    /// - Registrations with data that has a lifetime: `auxiliary.rs:466`, `devres.rs:429`,
    ///   `drm/driver.rs:159`, `fwctl.rs:312`, `irq/request.rs:176` and `:396`. They are `unsafe` to
    ///   make, because they must not be forgotten.
    ///
    /// Everything else that outlives a call takes `'static` values: `configfs.rs:149`,
    /// `debugfs.rs:105`, `devres.rs:138`, `pwm.rs:178`, `time/hrtimer/arc.rs:53`,
    /// `time/hrtimer/tbox.rs:62`, `workqueue.rs:275`. [`WhileBound`](super::WhileBound) is the way
    /// there.
    pub(super) fn for_binding(&self) -> &'c Device<Bound> {
        // SAFETY: As shown above, the reference is gone before the device is unbound.
        unsafe { &*self.as_raw().cast() }
    }
}

impl Device<Bound> {
    /// Checks that code or a constant stays in memory as long as the driver of the device is bound.
    ///
    /// # Errors
    ///
    /// `EPERM` when it is part of another module than that of the driver.
    pub(super) fn check_driver_module(&self, part: *const c_void) -> Result {
        // SAFETY: The device is bound, so it has a driver. Any address will do.
        if unsafe { bindings::pci_is_in_driver_module(self.as_raw(), part) } {
            Ok(())
        } else {
            Err(EPERM)
        }
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
