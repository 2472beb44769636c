// SPDX-License-Identifier: GPL-2.0

//! Interrupt handlers of a PCI device's vectors.
//!
//! [`IrqVector::request`] registers a handler in probe, [`Binding::request`] at any time. Both are
//! safe, for explicit and for managed vectors, because what makes them sound is not in the hands of
//! the driver:
//!
//! - The handler is kept by the device until the driver is unbound, not by the value that is
//!   returned. Forgetting that value, or the guard of the vectors, leaves the handler registered
//!   with everything it uses alive.
//! - It is released before the vectors are: by whoever frees them, by the end of the driver's
//!   remove callback and by a failing probe. So it is gone before driver data is dropped, before
//!   devres releases BARs, and before the text of the module is.
//! - It borrows nothing that can go earlier. In probe it is `H: 'c` with the `'c` of
//!   [`Core<'c>`](crate::device::Core), which leaves values that live for ever, and values that the
//!   device hands out for the whole binding: [`ManagedBar`]. A driver's callback is generic over
//!   `'c`, and `'c` is invariant, so no local variable and no argument of the callback can satisfy
//!   it. Later the handler is made in a closure that is generic over the lifetime, and what it
//!   borrows is lent to the closure.
//! - For the same reason a handler can keep no guard, no witness and no handle of a handler: their
//!   calls may sleep, and would wait for the handler that makes them.
//! - Only the driver has what it takes: code of another module with a reference to a bound device
//!   cannot register handlers whose text could go away. Should a driver hand its binding to another
//!   module, the handlers of that are refused.

use super::{
    allocation::Allocation,
    binding::Binding,
    irq::IrqVector,
    managed::ManagedBar,
    registry::{
        Registered,
        Registry,
        Request,
        Token, //
    },
    Device, //
};
use crate::{
    bindings,
    cpumask::Cpumask,
    device::{
        Bound,
        Core, //
    },
    irq::{
        self,
        Flags, //
    },
    prelude::*,
    str::CString,
    sync::Arc,
    types::CovariantForLt, //
};
use core::{
    marker::PhantomData,
    ops::Deref, //
};

/// A handler with its name, at the address that genirq knows it by.
#[pin_data]
struct Named<H> {
    #[pin]
    handler: H,
    name: CString,
}

impl<H: Send + Sync> Registered for Named<H> {}

/// What `/proc/irq/N` has besides a folder for each handler.
const RESERVED_NAMES: [&[u8]; 10] = [
    b"",
    b".",
    b"..",
    b"affinity_hint",
    b"effective_affinity",
    b"effective_affinity_list",
    b"node",
    b"smp_affinity",
    b"smp_affinity_list",
    b"spurious",
];

/// Refuses what genirq and procfs trust their callers not to ask.
///
/// # Errors
///
/// `EINVAL` when the name is none for a folder, or the flags contradict each other.
fn check_request(name: &CStr, flags: Flags, is_threaded: bool) -> Result {
    let has = |flag| flags & flag == flag;
    let name = name.to_bytes();

    if RESERVED_NAMES.contains(&name)
        || name.contains(&b'/')
        // procfs cuts longer names, after which two may be equal.
        || name.len() > 127
        || has(Flags::ONESHOT) && !is_threaded
        || has(Flags::SHARED) && (has(Flags::NO_SUSPEND) || has(Flags::FORCE_RESUME))
    {
        return Err(EINVAL);
    }
    Ok(())
}

/// Registers a handler for vector `index`, which the registry keeps.
///
/// # Safety
///
/// As `Calls::register()`, but for the interrupt.
unsafe fn register(
    allocation: &Allocation<'_>,
    index: usize,
    request: Request,
    registered: Arc<dyn Registered + '_>,
) -> Result<Token> {
    let mut calls = allocation.registry.lock()?;
    // A binding, or what leads to it, may have been handed to the driver of a child, in a module
    // that can go first.
    //
    // SAFETY: The device has a driver as long as the registry is open.
    let is_own = unsafe {
        bindings::pci_is_driver_text(allocation.dev.as_raw(), request.handler as *mut c_void)
    };
    if !is_own {
        return Err(EPERM);
    }
    // The vectors may have been freed since the driver took this one, but are not while the
    // registry is locked.
    let irq = allocation.irq(index)?;
    // SAFETY: `irq` is an interrupt of the device with this registry; the caller vouches for the
    // rest.
    let token = unsafe { calls.register(allocation.id, irq, request, registered.clone()) };
    // The destructor of a handler that was not registered may need the lock.
    drop(calls);
    token
}

/// Makes a handler and registers it.
///
/// # Safety
///
/// What the handler borrows must be valid until the driver's remove callback returns or its probe
/// fails.
unsafe fn request<H: irq::Handler + Send>(
    allocation: &Allocation<'_>,
    index: usize,
    flags: Flags,
    name: &CStr,
    handler: impl PinInit<H, Error>,
) -> Result<Token> {
    check_request(name, flags, false)?;
    let registered = new_named(name, handler)?;
    let request = Request {
        handler: handle::<H>,
        thread: None,
        flags,
        name: registered.name.as_char_ptr(),
    };
    // SAFETY: `handle()` takes a `Named<H>`, of which the name is a part; the caller vouches for
    // what the handler borrows.
    unsafe { register(allocation, index, request, registered) }
}

/// Makes a handler with a thread and registers it.
///
/// # Safety
///
/// As [`request()`].
unsafe fn request_threaded<H: irq::ThreadedHandler + Send>(
    allocation: &Allocation<'_>,
    index: usize,
    flags: Flags,
    name: &CStr,
    handler: impl PinInit<H, Error>,
) -> Result<Token> {
    check_request(name, flags, true)?;
    let registered = new_named(name, handler)?;
    let request = Request {
        handler: handle_first::<H>,
        thread: Some(handle_threaded::<H>),
        flags,
        name: registered.name.as_char_ptr(),
    };
    // SAFETY: As in `request()`.
    unsafe { register(allocation, index, request, registered) }
}

fn new_named<H>(name: &CStr, handler: impl PinInit<H, Error>) -> Result<Arc<Named<H>>> {
    let name = CString::try_from(name)?;
    Arc::pin_init(
        try_pin_init!(Named {
            handler <- handler,
            name,
        }? Error),
        GFP_KERNEL,
    )
}

/// # Safety
///
/// `cookie` must point to a `Named<H>`.
unsafe extern "C" fn handle<H: irq::Handler>(
    _irq: c_int,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: By the requirement above.
    let named = unsafe { &*cookie.cast::<Named<H>>() };
    bindings::irqreturn_t(named.handler.handle() as c_uint)
}

/// # Safety
///
/// As [`handle()`].
unsafe extern "C" fn handle_first<H: irq::ThreadedHandler>(
    _irq: c_int,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: By the requirement above.
    let named = unsafe { &*cookie.cast::<Named<H>>() };
    bindings::irqreturn_t(named.handler.handle() as c_uint)
}

/// # Safety
///
/// As [`handle()`].
unsafe extern "C" fn handle_threaded<H: irq::ThreadedHandler>(
    _irq: c_int,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: By the requirement above.
    let named = unsafe { &*cookie.cast::<Named<H>>() };
    bindings::irqreturn_t(named.handler.handle_threaded() as c_uint)
}

impl<'a, V: Copy> IrqVector<'a, V> {
    /// Registers a handler for the vector.
    ///
    /// `dev` proves that this is the driver of the device, in one of its callbacks; elsewhere there
    /// is [`Binding::request`]. The handler may run before this returns. `name` is copied. May
    /// sleep; so does dropping the returned handle.
    ///
    /// # Errors
    ///
    /// - `EINVAL` when the vector is not one of `dev` or is not there any more, `name` is not one
    ///   that a folder can have, `flags` has `ONESHOT`, which needs a thread, or `SHARED` with
    ///   `NO_SUSPEND`, `FORCE_RESUME` or `NO_AUTOEN`.
    /// - `ENODEV` when the vectors have been freed, or the driver is being detached.
    /// - `EPERM` when the handler is code of another module than that of the driver.
    /// - `EBUSY` when a handler is there already and the two cannot share.
    /// - `ENOMEM` when there is no memory.
    /// - What `handler` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, irq, pci, prelude::*};
    ///
    /// struct Quiet;
    ///
    /// impl irq::Handler for Quiet {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     let vectors = pdev.pcim_alloc_irq_vectors(1, 1, pci::IrqTypes::all())?;
    ///     vectors
    ///         .index(0)?
    ///         .request(pdev, irq::Flags::SHARED, c"quiet", Ok(Quiet))?
    ///         .until_unbind();
    ///     Ok(())
    /// }
    /// ```
    pub fn request<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<IrqHandle<'b, H>>
    where
        'a: 'b,
        H: irq::Handler + Send + 'c,
    {
        let allocation = self.of(dev)?;
        // SAFETY: What the handler borrows outlives `'c`, the time of a callback that the driver
        // cannot choose. So it lives for ever or comes from a value that the device hands out for
        // the binding, and is there until devres releases it, after the remove callback or probe.
        let token = unsafe { request(&allocation, self.index, flags, name, handler) }?;
        // INVARIANT: The registry has just given out the token for a `Named<H>`.
        Ok(IrqHandle::new(allocation.registry, token))
    }

    /// Registers a handler of which a part runs in a thread of its own.
    ///
    /// As [`Self::request`] otherwise, but `flags` may have `ONESHOT`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{device::Core, irq, pci, prelude::*};
    ///
    /// struct Patient;
    ///
    /// impl irq::ThreadedHandler for Patient {
    ///     fn handle_threaded(&self) -> irq::IrqReturn {
    ///         // May sleep.
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
    ///     let vectors = pdev.pcim_alloc_irq_vectors(1, 1, pci::IrqType::Msi.into())?;
    ///     vectors
    ///         .index(0)?
    ///         .request_threaded(pdev, irq::Flags::ONESHOT, c"patient", Ok(Patient))?
    ///         .until_unbind();
    ///     Ok(())
    /// }
    /// ```
    pub fn request_threaded<'b, 'c, H>(
        self,
        dev: &'b Device<Core<'c>>,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<IrqHandle<'b, H>>
    where
        'a: 'b,
        H: irq::ThreadedHandler + Send + 'c,
    {
        let allocation = self.of(dev)?;
        // SAFETY: As in `request()`.
        let token = unsafe { request_threaded(&allocation, self.index, flags, name, handler) }?;
        // INVARIANT: As in `request()`.
        Ok(IrqHandle::new(allocation.registry, token))
    }

    /// Returns the allocation, if the vector is one of `dev`.
    fn of(&self, dev: &Device<Bound>) -> Result<Allocation<'a>> {
        if dev.as_raw() != self.allocation.dev.as_raw() {
            return Err(EINVAL);
        }
        Ok(self.allocation)
    }
}

impl<'a> Binding<'a> {
    /// Registers a handler for a vector, at any time.
    ///
    /// The handler is made in a closure, to which what it borrows is lent. The handle does not
    /// borrow the guard of the vectors, so driver data can keep both: freeing the vectors releases
    /// their handlers first, and then the handle stands for nothing.
    ///
    /// # Errors
    ///
    /// As [`IrqVector::request`], and what `make` fails with.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{io::Io, irq, pci, prelude::*, types::CovariantForLt};
    ///
    /// struct Acknowledge<'bound> {
    ///     bar: pci::ManagedBar<'bound, 0x68>,
    /// }
    ///
    /// impl irq::Handler for Acknowledge<'_> {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         self.bar.write32(1, 0x64);
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// struct Queue<'bound> {
    ///     handle: pci::IrqHandle<'bound, Acknowledge<'bound>>,
    ///     vectors: pci::IrqVectorRegistration<'bound>,
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn up<'a>(binding: pci::Binding<'a>, bar: pci::ManagedBar<'a, 0x68>) -> Result<Queue<'a>> {
    ///     let vectors = binding.alloc_irq_vectors(1, 1, pci::IrqType::Msi.into())?;
    ///     let handle = binding.request::<CovariantForLt!(Acknowledge<'_>)>(
    ///         vectors.index(0)?,
    ///         irq::Flags::TRIGGER_NONE,
    ///         c"acknowledge",
    ///         |lend| Ok(Acknowledge { bar: lend.bar(bar)? }),
    ///     )?;
    ///     Ok(Queue { handle, vectors })
    /// }
    /// ```
    pub fn request<F>(
        self,
        vector: IrqVector<'_, impl Copy>,
        flags: Flags,
        name: &CStr,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<F::Of<'h>>,
    ) -> Result<IrqHandle<'a, F::Of<'a>>>
    where
        F: CovariantForLt + 'static,
        for<'h> F::Of<'h>: irq::Handler + Send,
    {
        let allocation = vector.of(self.dev)?;
        let handler = make(Lend::new(self.dev))?;
        // SAFETY: `make` is generic over the lifetime of what the handler borrows: all of it has
        // been lent, and is there until devres releases it, or lives for ever.
        let token = unsafe { request(&allocation, vector.index, flags, name, Ok(handler)) }?;
        // INVARIANT: The registry has just given out the token for a `Named<F::Of<'a>>`.
        Ok(IrqHandle::new(self.registry, token))
    }

    /// Registers a handler of which a part runs in a thread of its own, at any time.
    ///
    /// As [`Self::request`] otherwise.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub fn request_threaded<F>(
        self,
        vector: IrqVector<'_, impl Copy>,
        flags: Flags,
        name: &CStr,
        make: impl for<'h> FnOnce(Lend<'h>) -> Result<F::Of<'h>>,
    ) -> Result<IrqHandle<'a, F::Of<'a>>>
    where
        F: CovariantForLt + 'static,
        for<'h> F::Of<'h>: irq::ThreadedHandler + Send,
    {
        let allocation = vector.of(self.dev)?;
        let handler = make(Lend::new(self.dev))?;
        // SAFETY: As in `request()`.
        let token =
            unsafe { request_threaded(&allocation, vector.index, flags, name, Ok(handler)) }?;
        // INVARIANT: As in `request()`.
        Ok(IrqHandle::new(self.registry, token))
    }
}

/// Lends a handler what the device hands out for the whole binding.
#[derive(Clone, Copy)]
pub struct Lend<'h> {
    dev: *const Device<Bound>,
    _invariant: PhantomData<fn(&'h ()) -> &'h ()>,
}

impl<'h> Lend<'h> {
    fn new(dev: &Device<Bound>) -> Self {
        Self {
            dev,
            _invariant: PhantomData,
        }
    }

    /// Lends the registers of the device to one of its handlers.
    ///
    /// # Errors
    ///
    /// `EINVAL` when they are those of another device.
    pub fn bar<const SIZE: usize>(
        &self,
        bar: ManagedBar<'_, SIZE>,
    ) -> Result<ManagedBar<'h, SIZE>> {
        if !bar.is_of(self.dev) {
            return Err(EINVAL);
        }
        // SAFETY: Handlers are released before devres unmaps a BAR of the same device, and `'h` is
        // known to nobody but what makes a handler.
        Ok(unsafe { bar.for_handler() })
    }
}

/// A handler that is registered: dropping this releases it and waits until it does not run.
///
/// Of [`IrqVector::request`] it borrows the guard of explicit vectors, which cannot be freed as
/// long as it is there. Of [`Binding::request`] it does not: the handler may be gone already when
/// it is used, and then the calls fail with `ENODEV`. Every call, and dropping it, may sleep.
///
/// # Soundness
///
/// - Forgotten, it leaves the handler to whoever frees the vectors, and to the end of the binding.
/// - It cannot be cloned. The token in it has no second meaning: once the handler is gone, dropping
///   the handle does nothing, also in a later binding.
/// - Sent to another thread, it releases the handler there; whoever frees the vectors or unbinds
///   the driver meanwhile waits for that, and the reverse.
/// - It borrows the device, so driver data can keep it, and a handler cannot: it would wait for
///   itself.
/// - On the error path of probe it releases, unless the handler is released already.
///
/// # Invariants
///
/// `token` names a `Named<H>` that `registry` keeps, or one that was released since.
#[must_use = "the handler is released when this is dropped; see until_unbind()"]
pub struct IrqHandle<'a, H> {
    registry: &'a Registry,
    token: Token,
    _handler: PhantomData<Arc<Named<H>>>,
}

impl<'a, H> IrqHandle<'a, H> {
    fn new(registry: &'a Registry, token: Token) -> Self {
        Self {
            registry,
            token,
            _handler: PhantomData,
        }
    }

    /// Leaves the handler registered until the vectors are freed or the driver is unbound.
    pub fn until_unbind(self) {
        core::mem::forget(self);
    }

    /// Returns the handler.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{irq, pci, prelude::*, sync::atomic::{Atomic, Relaxed}};
    ///
    /// struct Counter(Atomic<u32>);
    ///
    /// impl irq::Handler for Counter {
    ///     fn handle(&self) -> irq::IrqReturn {
    ///         self.0.add(1, Relaxed);
    ///         irq::IrqReturn::Handled
    ///     }
    /// }
    ///
    /// # #[allow(dead_code)]
    /// fn calls(handle: &pci::IrqHandle<'_, Counter>) -> Result<u32> {
    ///     Ok(handle.handler()?.0.load(Relaxed))
    /// }
    /// ```
    pub fn handler(&self) -> Result<IrqHandlerRef<'_, H>> {
        let registered = self.registry.registered(self.token)?;
        let named = Arc::into_raw(registered).cast::<Named<H>>();
        Ok(IrqHandlerRef {
            // SAFETY: By the type invariant it is a `Named<H>`, just turned into a pointer.
            named: unsafe { Arc::from_raw(named) },
            _handle: PhantomData,
        })
    }

    /// Waits until the handler does not run.
    ///
    /// # Errors
    ///
    /// `ENODEV` when it has been released.
    pub fn synchronize(&self) -> Result {
        self.registry.quiesce(self.token, false)
    }

    /// Disables the interrupt, and waits until the handler does not run. Does nothing if it is
    /// disabled already.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the handler has been released.
    /// - `EINVAL` when it was registered with `SHARED`: others use the interrupt.
    pub fn disable(&self) -> Result {
        self.registry.quiesce(self.token, true)
    }

    /// Enables the interrupt, if [`Self::disable`] has disabled it or the handler was registered
    /// with `NO_AUTOEN`.
    ///
    /// # Errors
    ///
    /// As [`Self::disable`].
    pub fn enable(&self) -> Result {
        self.registry.enable(self.token)
    }

    /// Has the interrupt go to the CPUs of `mask`, and shows them to user space as a hint.
    ///
    /// It is no more than that: nothing is sent anywhere if none of the CPUs is online, and user
    /// space may change it. Vectors that are spread have their affinity already.
    ///
    /// # Errors
    ///
    /// As [`Self::disable`], and `ENOMEM` when there is no memory.
    pub fn set_affinity_hint(&self, mask: &Cpumask) -> Result {
        self.registry.set_affinity_hint(self.token, mask)
    }
}

impl<H> Drop for IrqHandle<'_, H> {
    fn drop(&mut self) {
        self.registry.release(self.token);
    }
}

/// A handler, as [`IrqHandle::handler`] returns it.
///
/// It keeps the memory of the handler, but not its registration.
///
/// # Soundness
///
/// Forgotten, it leaks the handler, which does not run any more once it is released. It borrows the
/// handle, and so ends with it.
pub struct IrqHandlerRef<'a, H> {
    named: Arc<Named<H>>,
    _handle: PhantomData<&'a ()>,
}

impl<H> Deref for IrqHandlerRef<'_, H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.named.handler
    }
}
