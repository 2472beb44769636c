// SPDX-License-Identifier: GPL-2.0

//! Data of a driver for code that may run when the driver is not bound any more.
//!
//! An open file or a work item outlives the binding. While the driver is bound, its operations may
//! need what the device hands out for the binding: registers, vectors, handlers.

use super::{
    binding::Binding,
    irq_handler::Lend,
    registry::{
        Registry,
        Revoke, //
    },
    Device, //
};
use crate::{
    bindings,
    device::{
        Bound,
        Core, //
    },
    devres::check_module,
    ffi::c_void,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        Mutex, //
    },
    types::ForLt, //
};
use core::ptr::NonNull;

/// Data that can be used as long as the driver is bound, by anybody, at any time.
///
/// It is `'static`, although the data is not: [`WhileBound::with`] lends the data to a closure, and
/// fails with `ENODEV` when the driver is not bound any more. The end of the remove callback waits
/// for closures that are running, then drops the data.
///
/// # Examples
///
/// Interrupts that a file operation brings up:
///
/// ```
/// use kernel::{
///     device::Core,
///     irq,
///     new_mutex,
///     pci,
///     prelude::*,
///     sync::{Arc, Mutex},
///     types::{CovariantForLt, ForLt},
/// };
///
/// struct Quiet;
///
/// impl irq::Handler for Quiet {
///     fn handle(&self) -> irq::IrqReturn {
///         irq::IrqReturn::Handled
///     }
/// }
///
/// #[pin_data]
/// struct Interrupts<'bound> {
///     #[pin]
///     vectors: Mutex<Option<pci::IrqVectorRegistration<'bound>>>,
/// }
///
/// type Shared = pci::WhileBound<ForLt!(Interrupts<'_>)>;
///
/// # #[allow(dead_code)]
/// fn probe(pdev: &pci::Device<Core<'_>>) -> Result<Arc<Shared>> {
///     pdev.while_bound::<ForLt!(Interrupts<'_>)>(|_| {
///         let empty = try_pin_init!(Interrupts { vectors <- new_mutex!(None) }? Error);
///         KBox::pin_init(empty, GFP_KERNEL)
///     })
/// }
///
/// # #[allow(dead_code)]
/// fn up(shared: &Shared) -> Result {
///     shared.with(|binding, interrupts| {
///         let vectors = binding.alloc_irq_vectors(1, 1, pci::IrqType::Msi.into())?;
///         let flags = irq::Flags::TRIGGER_NONE;
///         binding
///             .request::<CovariantForLt!(Quiet)>(vectors.index(0)?, flags, c"up", |_| Ok(Quiet))?
///             .until_unbind();
///         *interrupts.vectors.lock() = Some(vectors);
///         Ok(())
///     })?
/// }
/// ```
///
/// # Soundness
///
/// - If it is forgotten, its own memory leaks; the data is dropped at the end of the binding.
/// - It can be sent anywhere. After unbind its calls fail: a closure runs only while the data is
///   there, and what the closure is lent has a lifetime that it cannot name.
/// - On the error path of probe the data is dropped as well.
/// - A handler can keep it, but not use it. [`WhileBound::with`] fails in an interrupt, and in the
///   thread of any handler, because whoever unbinds the driver may be waiting for that thread.
///   Devices can share an interrupt, so it makes no difference whose handler it is.
///   [`WhileBound::with_core`] needs a `Device<Core>`, which no handler has.
/// - The code that drops the data belongs to the driver's module, which stays as long as the data.
#[pin_data]
pub struct WhileBound<F: ForLt + 'static> {
    #[pin]
    state: Mutex<State<F>>,
    /// Notified when the last user is gone.
    #[pin]
    unused: CondVar,
    dev: NonNull<Device<Bound>>,
    registry: NonNull<Registry>,
}

struct State<F: ForLt + 'static> {
    users: usize,
    /// None when the driver is not bound any more.
    data: Option<Pin<KBox<F::Of<'static>>>>,
}

// SAFETY: Any thread may use the data, which this owns, and `dev` and `registry` as well.
unsafe impl<F: ForLt> Send for WhileBound<F> where for<'a> F::Of<'a>: Send + Sync {}
// SAFETY: Any thread may use the data, `dev` and `registry`, as for `Send`.
unsafe impl<F: ForLt> Sync for WhileBound<F> where for<'a> F::Of<'a>: Send + Sync {}

impl Device<Core<'_>> {
    /// Keeps data until the end of the binding, for code that may run after it.
    ///
    /// `make` creates the data, from what is lent to it. Values that [`WhileBound::with`] lends can
    /// be stored in the data later. So nobody else may have a reference to a part of it with a
    /// lifetime that can be named, and `make` is generic over the lifetime in the data. May sleep.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is being detached.
    /// - `EPERM` when the code that drops the data belongs to another module than the driver.
    /// - `ENOMEM` when there is no memory.
    /// - Any error of `make`.
    pub fn while_bound<F>(
        &self,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<Pin<KBox<F::Of<'h>>>>,
    ) -> Result<Arc<WhileBound<F>>>
    where
        F: ForLt + 'static,
        for<'a> F::Of<'a>: Send + Sync,
    {
        let binding = self.binding()?;
        let revoke = <WhileBound<F> as Revoke>::revoke as fn(&WhileBound<F>);
        check_module(binding.dev.as_ref(), revoke as *const c_void)?;
        // What is lent lasts until the data is dropped. Neither `make` nor `with()` shows that its
        // lifetime is called `'static`.
        let data = make(Lend::new(self))?;
        let bound = Arc::pin_init(
            pin_init!(WhileBound {
                state <- new_mutex!(State { users: 0, data: Some(data) }, "pci_while_bound"),
                unused <- new_condvar!("pci_while_bound_unused"),
                dev: NonNull::from(binding.dev),
                registry: NonNull::from(binding.registry),
            }),
            GFP_KERNEL,
        )?;
        let kept: Arc<dyn Revoke> = bound.clone();
        binding.registry.lock()?.keep(kept)?;
        Ok(bound)
    }
}

impl<F: ForLt + 'static> WhileBound<F> {
    /// Calls `f` with the binding and the data, if the driver is bound. May sleep.
    ///
    /// Unbinding the driver waits for `f`. Whatever `f` waits for must end when the driver is
    /// unbound; [`Driver::unbind`](super::Driver::unbind) can see to that. The driver's own
    /// callbacks use [`Self::with_core`].
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is not bound any more.
    /// - `EDEADLK` in an interrupt, and in the thread of an interrupt handler of any device. The
    ///   probe of a child, which a hotplug controller may call in such a thread, can return
    ///   `EPROBE_DEFER`. It is then called again in another thread.
    pub fn with<R>(&self, f: impl for<'a> FnOnce(Binding<'a>, Pin<&F::Of<'a>>) -> R) -> Result<R> {
        // No lock is taken before this: with forced threading, handlers that may not sleep run in
        // threads.
        //
        // SAFETY: Asking for the context is always safe.
        if unsafe { bindings::in_irq_handler() } {
            return Err(EDEADLK);
        }
        self.lend(f)
    }

    /// Calls `f` as [`Self::with`] does, in a callback of the driver, which `dev` proves.
    ///
    /// The thread of a hotplug controller's interrupt handler calls `probe` and `unbind` when the
    /// device is plugged in and pulled out, and [`Self::with`] fails there. This does not. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is not bound any more.
    /// - `EINVAL` when the data is that of another device.
    pub fn with_core<R>(
        &self,
        dev: &Device<Core<'_>>,
        f: impl for<'a> FnOnce(Binding<'a>, Pin<&F::Of<'a>>) -> R,
    ) -> Result<R> {
        if dev.as_raw() != self.dev.cast().as_ptr() {
            return Err(EINVAL);
        }
        self.lend(f)
    }

    fn lend<R>(&self, f: impl for<'a> FnOnce(Binding<'a>, Pin<&F::Of<'a>>) -> R) -> Result<R> {
        let mut state = self.state.lock();
        let data = state.data.as_ref().ok_or(ENODEV)?;
        let data: NonNull<F::Of<'static>> = NonNull::from(&**data);
        state.users += 1;
        drop(state);
        // This is dropped after everything that `f` was lent.
        let _user = User(self);

        // SAFETY: Devres keeps the registry, and the driver core keeps the device, until the data
        // has been revoked, which waits for `_user`.
        let (dev, registry) = unsafe { (self.dev.as_ref(), self.registry.as_ref()) };
        // SAFETY: Both are those of `Device::while_bound()`, whose caller is the driver.
        let binding = unsafe { Binding::from_parts(dev, registry) };
        // SAFETY: The data is pinned, and exists as long as it has users. `f` is generic over the
        // lifetime in it, so it cannot put anything into the data that ends earlier, nor take
        // anything out and use it later. So was the closure that made the data.
        Ok(f(binding, unsafe {
            Pin::new_unchecked(data.cast().as_ref())
        }))
    }
}

/// A user of the data.
struct User<'a, F: ForLt + 'static>(&'a WhileBound<F>);

impl<F: ForLt + 'static> Drop for User<'_, F> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.users -= 1;
        self.0.unused.notify_all();
    }
}

impl<F: ForLt + 'static> Revoke for WhileBound<F>
where
    for<'a> F::Of<'a>: Send + Sync,
{
    fn revoke(&self) {
        let mut state = self.state.lock();
        // Nobody starts to use the data from here on. Its memory stays for those who already do.
        let data = state.data.take();
        while state.users != 0 {
            self.unused.wait(&mut state);
        }
        drop(state);
        drop(data);
    }
}
