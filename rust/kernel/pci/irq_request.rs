// SPDX-License-Identifier: GPL-2.0

//! How a handler is registered with genirq.

use super::{
    allocation::Allocation,
    registry::{
        Registered,
        Request,
        Token, //
    }, //
};
use crate::{
    bindings,
    devres::check_module,
    irq::{
        self,
        Flags, //
    },
    prelude::*,
    str::CString,
    sync::Arc, //
};
use core::marker::PhantomData;

/// A handler and its name. genirq identifies the handler by the address of this structure.
#[pin_data]
pub(super) struct Named<H> {
    #[pin]
    pub(super) handler: H,
    name: CString,
}

impl<H: Send + Sync> Registered for Named<H> {}

/// The functions by which genirq calls a handler of type `H`.
///
/// # Invariants
///
/// Both functions may be called with the address of a `Named<H>`.
pub(super) struct Functions<H> {
    handler: unsafe extern "C" fn(c_int, *mut c_void) -> bindings::irqreturn_t,
    thread: bindings::irq_handler_t,
    _handler: PhantomData<fn(&Named<H>)>,
}

impl<H: irq::Handler> Functions<H> {
    /// Returns the function of a handler without a thread.
    pub(super) fn hard() -> Self {
        // INVARIANT: `handle::<H>()` takes a `Named<H>`.
        Self {
            handler: handle::<H>,
            thread: None,
            _handler: PhantomData,
        }
    }
}

impl<H: irq::ThreadedHandler> Functions<H> {
    /// Returns the functions of a handler with a thread.
    pub(super) fn threaded() -> Self {
        // INVARIANT: Both functions take a `Named<H>`.
        Self {
            handler: handle_first::<H>,
            thread: Some(handle_threaded::<H>),
            _handler: PhantomData,
        }
    }
}

impl<H: Send + Sync> Functions<H> {
    /// Makes a handler and registers it for vector `index`. May sleep.
    ///
    /// # Errors
    ///
    /// As [`IrqVector::request`](super::IrqVector::request).
    ///
    /// # Safety
    ///
    /// What the handler borrows must be valid until the driver's remove callback returns or its
    /// probe fails.
    pub(super) unsafe fn register(
        self,
        allocation: &Allocation<'_>,
        index: usize,
        flags: Flags,
        name: &CStr,
        handler: impl PinInit<H, Error>,
    ) -> Result<Token> {
        check_request(name, flags, self.thread.is_some())?;
        let name = CString::try_from(name)?;
        let named = Arc::pin_init(
            try_pin_init!(Named {
                handler <- handler,
                name,
            }? Error),
            GFP_KERNEL,
        )?;
        let request = Request {
            handler: self.handler,
            thread: self.thread,
            flags,
            name: named.name.as_char_ptr(),
        };

        // A driver may have lent its binding to the driver of a child, whose module can be removed
        // first.
        check_module(allocation.dev.as_ref(), request.handler as *const c_void)?;
        // The vectors may have been freed since the driver took this one. While the registry is
        // locked they are not freed.
        let registry = allocation.registry;
        let calls = registry.lock()?;
        let irq = allocation.irq(&calls, index)?;
        // genirq enables a spread interrupt when its CPU comes online, and warns if a driver does
        // so.
        //
        // SAFETY: The function takes any number.
        let is_spread = unsafe { bindings::pci_irq_is_spread(irq) };
        if is_spread && flags & Flags::NO_AUTOEN == Flags::NO_AUTOEN {
            return Err(EINVAL);
        }
        // The destructor of a handler that is not registered may need the lock, so `named` keeps it
        // until the lock is released.
        //
        // SAFETY:
        // - `irq` is an interrupt of the device with this registry, which is locked.
        // - The caller promises that what the handler borrows stays valid long enough.
        // - By the type invariant both functions take a `Named<H>`, of which the name is a part.
        unsafe { registry.register(calls, allocation.id, index, irq, request, named.clone()) }
    }
}

/// The names in `/proc/irq/N` that are not directories of handlers.
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

/// Refuses requests that genirq and procfs trust their callers not to make.
///
/// # Errors
///
/// `EINVAL` when the name cannot be that of a directory, or the flags contradict each other or are
/// not meant for interrupts of devices.
fn check_request(name: &CStr, flags: Flags, is_threaded: bool) -> Result {
    let has = |flag| flags & flag == flag;
    let name = name.to_bytes();

    if RESERVED_NAMES.contains(&name)
        || name.contains(&b'/')
        // procfs truncates longer names, and two names may be equal after that.
        || name.len() > 127
        || has(Flags::ONESHOT) && !is_threaded
        // Interrupts of this kind, such as that of a local timer, belong to one CPU. genirq would
        // not move the interrupt when the CPU goes offline.
        || has(Flags::PERCPU)
        || has(Flags::SHARED) && (has(Flags::NO_SUSPEND) || has(Flags::FORCE_RESUME))
    {
        return Err(EINVAL);
    }
    Ok(())
}

/// # Safety
///
/// `cookie` must point to a `Named<H>`.
unsafe extern "C" fn handle<H: irq::Handler>(
    _irq: c_int,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: The caller passes a pointer to a `Named<H>`.
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
    // SAFETY: The caller passes a pointer to a `Named<H>`.
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
    // SAFETY: The caller passes a pointer to a `Named<H>`.
    let named = unsafe { &*cookie.cast::<Named<H>>() };
    bindings::irqreturn_t(named.handler.handle_threaded() as c_uint)
}
