// SPDX-License-Identifier: GPL-2.0

//! Only the calls that have to wait for a slow handler do so, and no others.

use super::*;
use kernel::{
    sync::Completion,
    time::delay::udelay,
    workqueue, //
};

/// A lock of the driver, and the progress of each task.
#[pin_data]
struct Scene {
    #[pin]
    driver: Mutex<()>,
    #[pin]
    handler_runs: Completion,
    #[pin]
    released: Completion,
    registered: Atomic<u32>,
    #[pin]
    requested: Completion,
}

/// A handler whose thread needs the driver's lock.
struct Slow(Arc<Scene>);

impl irq::ThreadedHandler for Slow {
    fn handle(&self) -> irq::ThreadedIrqReturn {
        irq::ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> irq::IrqReturn {
        self.0.handler_runs.complete_all();
        drop(self.0.driver.lock());
        irq::IrqReturn::Handled
    }
}

#[pin_data]
struct Held<'bound> {
    #[pin]
    guard: Mutex<Option<Arc<IrqVectorRegistration<'bound>>>>,
    #[pin]
    handle: Mutex<Option<IrqHandle<'bound, Slow>>>,
}

impl<'bound> Held<'bound> {
    fn guard(&self) -> Result<Arc<IrqVectorRegistration<'bound>>> {
        self.guard.lock().clone().ok_or(ENODEV)
    }
}

type Shared = pci::WhileBound<ForLt!(Held<'_>)>;

/// Allocates a vector for several tasks.
fn hold(pdev: &Device<'_>) -> Result<Arc<Shared>> {
    let shared: Arc<Shared> = pdev.while_bound(|_| {
        let held = try_pin_init!(Held {
            guard <- new_mutex!(None),
            handle <- new_mutex!(None),
        }? Error);
        KBox::pin_init(held, GFP_KERNEL)
    })?;
    shared.with(|binding, held| -> Result {
        let guard = binding.alloc_irq_vectors(1, 1, messages())?;
        *held.guard.lock() = Some(Arc::new(guard, GFP_KERNEL)?);
        Ok(())
    })??;
    Ok(shared)
}

fn let_go(shared: &Shared) -> Result {
    shared.with(|_, held| {
        let guard = held.guard.lock().take();
        drop(guard);
    })
}

/// A handler that stops the task on its CPU, wherever that is, for long enough for the other tasks
/// to get on.
struct Busy<'c>(Hardware<'c>);

impl irq::Handler for Busy<'_> {
    fn handle(&self) -> irq::IrqReturn {
        self.0.acknowledge();
        udelay(Delta::from_micros(80));
        irq::IrqReturn::Handled
    }
}

/// How often each of two tasks registers and releases a handler.
const REQUESTS: u32 = if cfg!(CONFIG_KASAN) { 300 } else { 3000 };

/// Two tasks register and release handlers that share a vector and have the same name, which is
/// that of a directory in `/proc/irq`. genirq has the directory a while longer than the handler, and
/// interrupts make that while longer.
fn two_tasks_use_one_name<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let shared = hold(pdev)?;
    shared.with(|binding, held| -> Result {
        let (guard, flags) = (held.guard()?, Flags::SHARED);
        let busy = binding.request::<CovariantForLt!(Busy<'_>)>(
            guard.index(0)?,
            flags,
            c"busy",
            |lend| Ok(Busy(hardware.lend(lend)?)),
        )?;
        busy.until_unbind();
        Ok(())
    })??;
    let ended = Arc::new(Atomic::new(0), GFP_KERNEL)?;
    let failed = Arc::new(Atomic::new(0), GFP_KERNEL)?;
    for _ in 0..2 {
        let (its, ended, failed) = (shared.clone(), ended.clone(), failed.clone());
        workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            for _ in 0..REQUESTS {
                let done = its.with(|binding, held| -> Result {
                    let (guard, flags) = (held.guard()?, Flags::SHARED);
                    let vector = guard.index(0)?;
                    binding
                        .request::<CovariantForLt!(Quiet)>(vector, flags, c"name", |_| Ok(Quiet))
                        .map(drop)
                });
                failed.add((done != Ok(Ok(()))).into(), Relaxed);
            }
            drop(its);
            ended.add(1, Relaxed);
        })?;
    }
    while ended.load(Relaxed) != 2 {
        for _ in 0..20 {
            hardware.raise()?;
            udelay(Delta::from_micros(150));
        }
        fsleep(Delta::from_millis(1));
    }
    check!(failed.load(Relaxed) == 0);
    let_go(&shared)
}

/// One task releases a running handler, another one registers a handler on the same vector at that
/// time, and a third one holds the lock that the running handler waits for. The calls of the third
/// one go on, as they would in C.
fn registering_blocks_nobody<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let shared = hold(pdev)?;
    let scene = Arc::pin_init(
        pin_init!(Scene {
            driver <- new_mutex!(()),
            handler_runs <- Completion::new(),
            released <- Completion::new(),
            registered: Atomic::new(0),
            requested <- Completion::new(),
        }),
        GFP_KERNEL,
    )?;
    shared.with(|binding, held| -> Result {
        let handle = binding.request_threaded::<CovariantForLt!(Slow)>(
            held.guard()?.index(0)?,
            Flags::ONESHOT,
            c"slow",
            |_| Ok(Slow(scene.clone())),
        )?;
        *held.handle.lock() = Some(handle);
        Ok(())
    })??;

    let driver = scene.driver.lock();
    hardware.raise()?;
    scene.handler_runs.wait_for_completion();
    hardware.acknowledge();

    let (its, of) = (shared.clone(), scene.clone());
    workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
        let _ = its.with(|_, held| {
            let handle = held.handle.lock().take();
            drop(handle);
        });
        of.released.complete_all();
    })?;
    fsleep(Delta::from_millis(20));

    let (its, of) = (shared.clone(), scene.clone());
    workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
        let registered = its.with(|binding, held| -> Result {
            let (guard, flags) = (held.guard()?, Flags::TRIGGER_NONE);
            binding
                .request::<CovariantForLt!(Quiet)>(guard.index(0)?, flags, c"anew", |_| Ok(Quiet))
                .map(drop)
        });
        of.registered
            .store((registered == Ok(Ok(()))).into(), Relaxed);
        of.requested.complete_all();
    })?;
    fsleep(Delta::from_millis(20));

    // Takes the lock that everybody takes who uses the vectors.
    let looked = shared.with(|_, held| held.guard()?.index(0).map(|_| ()));
    drop(driver);
    scene.released.wait_for_completion();
    scene.requested.wait_for_completion();
    check!(looked == Ok(Ok(())));
    check!(scene.registered.load(Relaxed) == 1);
    let_go(&shared)
}

pub(crate) const CASES: &[Case] = cases![registering_blocks_nobody, two_tasks_use_one_name];
