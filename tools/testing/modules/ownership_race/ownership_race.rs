// SPDX-License-Identifier: GPL-2.0

//! Two work items bring the interrupts of one device up and down, on two CPUs at the same time,
//! while the driver is unbound.
//!
//! The driver binds to QEMU's `edu`. One work item allocates vectors, registers a slow handler,
//! makes the device interrupt, and releases the handler. The other one takes the guard of the
//! vectors away, whenever there is one, and frees them, also when the handler is running or the
//! first one is releasing it. Freeing never fails, and both find the device busy from time to time.
//!
//! Both go on for a fixed number of rounds, or until the driver is unbound, which sets a bit next to
//! the one that says whether there are vectors. Then they print their counts.

use kernel::{
    device::Core,
    io::Io,
    irq::{
        self,
        Flags, //
    },
    new_mutex,
    pci::{
        self,
        IrqType, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
    workqueue, //
};

/// How often each allocates. With KASAN that takes ten times as long.
const ROUNDS: u32 = if cfg!(CONFIG_KASAN) { 100 } else { 1000 };

/// Raises an interrupt when written with a reason.
const IRQ_RAISE: usize = 0x60;
/// Lowers it when written with the reason.
const IRQ_ACKNOWLEDGE: usize = 0x64;

/// A handler that runs for a while, so that releasing it has to wait.
struct Slow<'c> {
    bar: pci::ManagedBar<'c>,
}

impl irq::ThreadedHandler for Slow<'_> {
    fn handle_threaded(&self) -> irq::IrqReturn {
        fsleep(Delta::from_micros(300));
        let _ = self.bar.try_write32(1, IRQ_ACKNOWLEDGE);
        irq::IrqReturn::Handled
    }
}

type Handle<'bound> = pci::IrqHandle<'bound, Slow<'bound>>;

/// The data that the two work items share.
#[pin_data]
struct Interrupts<'bound> {
    bar: pci::ManagedBar<'bound>,
    #[pin]
    guard: Mutex<Option<pci::IrqVectorRegistration<'bound>>>,
    #[pin]
    handle: Mutex<Option<Handle<'bound>>>,
}

type Shared = pci::WhileBound<ForLt!(Interrupts<'_>)>;

/// Brings the interrupts up and raises one.
fn bring_up<'a>(binding: pci::Binding<'a>, shared: Pin<&Interrupts<'a>>) -> Result {
    let vectors = binding.alloc_irq_vectors(1, 1, IrqType::Msi.into())?;
    let handle = binding.request_threaded::<CovariantForLt!(Slow<'_>)>(
        vectors.index(0)?,
        Flags::ONESHOT,
        c"ownership_race",
        |lend| {
            Ok(Slow {
                bar: lend.bar(shared.bar)?,
            })
        },
    )?;
    shared.bar.try_write32(1, IRQ_RAISE)?;
    *shared.handle.lock() = Some(handle);
    *shared.guard.lock() = Some(vectors);
    Ok(())
}

/// Brings interrupts up, and releases their handlers; returns how often, and how often the device
/// was busy.
fn release_handlers(shared: &Shared) -> Result<(u32, u32)> {
    let (mut won, mut busy) = (0, 0);
    while won < ROUNDS {
        match shared.with(bring_up)? {
            Ok(()) => won += 1,
            Err(e) if e == EBUSY => {
                // Each is reported.
                busy += 1;
                fsleep(Delta::from_millis(1));
            }
            Err(e) => return Err(e),
        }
        // The lock is not held while it waits.
        shared.with(|_, shared| {
            let handle = shared.handle.lock().take();
            drop(handle);
        })?;
    }
    Ok((won, busy))
}

/// Frees vectors. Returns how often, and how often the other one was releasing their handler or had
/// released it.
fn free_vectors(shared: &Shared) -> Result<(u32, u32)> {
    let (mut won, mut busy) = (0, 0);
    while won < ROUNDS {
        let freed = shared.with(|_, shared| {
            let guard = shared.guard.lock().take();
            let handled = shared.handle.lock().is_some();
            guard.map(|guard| (guard.free().is_ok(), handled))
        })?;
        match freed {
            Some((true, handled)) => {
                won += 1;
                busy += u32::from(!handled);
            }
            Some((false, _)) => return Err(EIO),
            None => fsleep(Delta::from_micros(20)),
        }
    }
    Ok((won, busy))
}

/// The number of work items.
static RUNNING: Atomic<u32> = Atomic::new(0);

fn spawn(
    shared: &Arc<Shared>,
    name: &'static str,
    work: fn(&Shared) -> Result<(u32, u32)>,
) -> Result {
    let shared = shared.clone();
    RUNNING.add(1, Relaxed);
    let spawned = workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
        match work(&shared) {
            Ok((won, busy)) => pr_info!("race: {} {} times, {} busy\n", name, won, busy),
            Err(e) if e == ENODEV => pr_info!("race: {} until unbind\n", name),
            Err(e) => pr_err!("race: {} failed, {:?}\n", name, e),
        }
        drop(shared);
        RUNNING.fetch_sub(1, Relaxed);
    });
    if spawned.is_err() {
        RUNNING.fetch_sub(1, Relaxed);
    }
    Ok(spawned?)
}

struct Driver;

/// Waits for the work items, whose code is unloaded with the module.
struct Data;

impl Drop for Data {
    fn drop(&mut self) {
        while RUNNING.load(Relaxed) != 0 {
            fsleep(Delta::from_millis(1));
        }
        fsleep(Delta::from_millis(20));
    }
}

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Data;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Data, Error> + 'bound {
        let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
        pdev.set_master();
        let shared = pdev.while_bound::<ForLt!(Interrupts<'_>)>(|lend| {
            let interrupts = try_pin_init!(Interrupts {
                bar: lend.bar(bar)?,
                guard <- new_mutex!(None),
                handle <- new_mutex!(None),
            }? Error);
            KBox::pin_init(interrupts, GFP_KERNEL)
        })?;
        // The end of the binding ends them. Driver data is dropped after that, and waits for them.
        let data = Data;
        spawn(&shared, "released", release_handlers)?;
        spawn(&shared, "freed", free_vectors)?;
        Ok(data)
    }

    /// Runs while the work items allocate and free. `set_master()` writes a bit of the device, which
    /// must not be in the word of `msi_enabled`.
    fn unbind<'bound>(pdev: &'bound pci::Device<Core<'_>>, _this: Pin<&Data>) {
        for _ in 0..200 {
            pdev.set_master();
        }
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "ownership_race",
    authors: ["PCI devres in Rust developers"],
    description: "Two work items that bring the interrupts of one PCI device up and down",
    license: "GPL v2",
}
