// SPDX-License-Identifier: GPL-2.0

//! Names and two handlers, which the programs share.

// No program uses everything.
#![allow(dead_code, unused_imports)]

pub(crate) use kernel::{
    device::{
        self,
        Bound,
        Core, //
    },
    io::Io,
    irq::{
        self,
        Flags, //
    },
    pci::{
        self,
        IrqHandle,
        IrqTypes,
        IrqVectorRegistration,
        ManagedBar,
        ManagedDevice,
        ManagedIrqVectors,
        WhileBound, //
    },
    prelude::*,
    sync::{
        Mutex,
        SetOnce, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
    workqueue,
};

/// The device as only the callbacks of its own driver get it.
pub(crate) type Device<'c> = pci::Device<Core<'c>>;

/// Takes a value and drops it.
pub(crate) fn use_up<T>(_: T) {}

/// `module!` defines this, and `#[vtable]` needs it.
pub(crate) struct LocalModule;

impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static CStr = c"test";
    // SAFETY: The programs are part of no module, and do not run.
    const THIS_MODULE: kernel::ThisModule =
        unsafe { kernel::ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// A handler without data.
pub(crate) struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

impl irq::ThreadedHandler for Quiet {
    fn handle_threaded(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// A handler that keeps a value.
pub(crate) struct Keeps<T>(pub(crate) T);

impl<T: Sync> irq::Handler for Keeps<T> {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

impl<T: Sync> irq::ThreadedHandler for Keeps<T> {
    fn handle_threaded(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}
