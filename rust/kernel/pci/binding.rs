// SPDX-License-Identifier: GPL-2.0

//! A driver's own binding to its device.
//!
//! A bound device has *some* driver. A [`Binding`] proves that the caller is that driver: only the
//! driver's own callbacks can create one. The calls that change the device for everybody, those
//! that allocate vectors or register handlers, need one.

use super::{
    registry::Registry,
    Device, //
};
use crate::{
    device::{
        Bound,
        Core, //
    },
    prelude::*, //
};
use core::marker::PhantomData;

/// A driver's own binding to its device, with which it allocates vectors and registers handlers.
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
/// Only the driver's callbacks use driver data. Code that may run when the driver is not bound any
/// more, such as a file operation or a work item, uses the binding through
/// [`WhileBound`](super::WhileBound).
///
/// # Soundness
///
/// - It can be forgotten, copied or dropped, because it owns nothing.
/// - It can be sent to another thread, because every call holds the lock of the binding.
/// - At the end of the remove callback, and when probe has failed, the binding is closed under that
///   lock. Later calls, from the destructor of driver data for example, fail with `ENODEV`.
/// - It borrows the device, so nothing that outlives driver data can keep it, and the binding lasts
///   until driver data is dropped. A handler cannot keep it: see
///   [`IrqVector::request`](super::IrqVector::request).
/// - It is invariant in `'a`, so it fits no [`CovariantForLt`](trait@crate::types::CovariantForLt).
///   A driver can lend it to the driver of a child, through [`WhileBound`](super::WhileBound). The
///   child's module can be removed first. So what needs the module's code later is refused with
///   `EPERM`: handlers, and data for `WhileBound`. The check sees the function that is called, not
///   what that calls: a parent that keeps a trait object of a child has to keep the child's module.
///
/// # Where values with a lifetime could stay
///
/// The API is sound as long as safe code cannot put a value with a lifetime where it survives the
/// binding. Such a place takes values that are not `'static`, keeps them when the registration that
/// it returned is forgotten, and uses them again. Or it has a type that is covariant, and stores
/// through a shared reference. The `kernel` crate has these candidates, with their lines in Linux
/// 7.3. The first six are mended in this tree:
///
/// - `QueueData` of a block device, `block/mq/operations.rs:33`. A forgotten `GenDisk` stays
///   registered, with its data. The bound is `'static` now.
/// - `Ptr` of an open file, `miscdevice.rs:128`. The file stays open whatever becomes of the
///   registration. The bound is `'static` now, also that of the data that a registration can have
///   in this tree.
/// - The data of a `Scope` in debugfs, `debugfs.rs:386` and `:477`. The files of a forgotten
///   `Scope` stay. The bound is `'static` now.
/// - `Data` of a DRM device, `drm/driver.rs:107`. An open file keeps the device. The objects of the
///   device are `'static`, but its driver need not be. The bound is `'static` now.
/// - What is stored in an `XArray`, `xarray.rs:65`, and in a `MapleTree`, `maple_tree.rs:32`. Both
///   were covariant, and are invariant now.
/// - `TryFrom` from a generic device to a PCI, platform or I2C device, `pci.rs:516`,
///   `platform.rs:560` and `i2c.rs:520`. The result could live longer than the argument.
/// - `PData` of cpufreq, `cpufreq.rs:751`, is made from a policy, and an open DRM file,
///   `drm/file.rs:16`, from its device. Neither has a value with a lifetime to offer.
/// - The data of a `GpuVm` of DRM, `drm/gpuvm/mod.rs:255`, can be forgotten, but then nobody uses
///   it: only values that have the lifetime in their type lead to it.
/// - Registrations with data that has a lifetime: `auxiliary.rs:466`, `devres.rs:429`,
///   `drm/driver.rs:159`, `fwctl.rs:312`, `irq/request.rs:176` and `:396`, and timers,
///   `time/hrtimer/pin.rs:61` and `pin_mut.rs:58`. They are `unsafe` to make, because they must not
///   be forgotten.
///
/// Everything else that outlives a call takes `'static` values: `auxiliary.rs:553`,
/// `configfs.rs:149`, `debugfs.rs:105`, `devres.rs:138` and `:549`, `drm/gem/mod.rs:87`,
/// `fwctl.rs:98`, `pwm.rs:178`, `scatterlist.rs:335`, `sync/lock/global.rs:26`,
/// `time/hrtimer/arc.rs:53`, `time/hrtimer/tbox.rs:62`, `workqueue.rs:275`, `:308` and `:340`. To
/// reach the binding from there, use [`WhileBound`](super::WhileBound).
///
/// A bound device is a proof of access in two more places, where the device may have been unbound
/// since. A child whose registration was forgotten had a bound parent for ever, `auxiliary.rs:259`;
/// it is unbound now before the parent's managed resources are released. A `Devres` that was kept
/// gave access with a later binding of its device, `devres.rs:337`; that fails with `ENXIO` now.
///
/// A program that must not compile tests each bound, but for those of cpufreq, PWM and `GpuVm` and
/// that of a DRM file, which were read.
///
/// The callbacks of a PWM chip, `pwm.rs:185`, get its parent as `Device<Bound>` until devres
/// removes the chip, which is after the remove callback of the driver. Nothing can be allocated or
/// registered with that, because being bound is no permission. But a `Devres` that was added to the
/// parent after the chip can still be accessed with it when it has been released.
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

    /// Creates the binding for a registry that is not closed.
    ///
    /// # Safety
    ///
    /// `registry` must be that of `dev`, and the caller must be the driver of `dev`.
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
        // SAFETY: Only the driver's own callbacks get a `Device<Core>`.
        let registry = unsafe { Registry::get(self) }?;
        // SAFETY: The registry is that of this device. Only the device's own driver gets a
        // `Device<Core>`.
        Ok(unsafe { Binding::from_parts(self, registry) })
    }

    /// Returns the device with the lifetime of the binding.
    ///
    /// `'c` is the lifetime that the bus gave to the callback. The callback is generic over it, so
    /// a driver cannot assume that `'c` is longer than the call, and cannot keep a value with this
    /// lifetime in a static, a thread or a work item. Driver data can keep it with a shorter
    /// lifetime, and a handler as it is. The [`Adapter`](super::Adapter) releases handlers first,
    /// at the end of the remove callback or when probe fails; then the driver core drops the driver
    /// data, then devres releases what the device manages. A `&Device<Core<'c>>` itself cannot be
    /// kept: it is not `Send`, and driver data has to be.
    /// The documentation of [`Binding`] lists where safe code could put a value that survives the
    /// binding.
    pub(super) fn for_binding(&self) -> &'c Device<Bound> {
        // SAFETY: The reference is gone before the device is unbound, as the documentation of this
        // function shows.
        unsafe { &*self.as_raw().cast() }
    }
}

/// Closes the registry of a device whose probe fails.
///
/// It is dropped at the end of a probe callback that failed, when all local values of the callback
/// are gone. It is forgotten when the callback has returned driver data.
pub(super) struct ProbeUnwind<'a>(pub(super) &'a Device<Bound>);

impl Drop for ProbeUnwind<'_> {
    fn drop(&mut self) {
        Registry::close(self.0);
    }
}
