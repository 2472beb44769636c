// SPDX-License-Identifier: GPL-2.0

//! Only the calls that have to wait for a slow handler do so, and no others.

use super::*;
use kernel::{
    sync::Completion,
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

/// One task releases a running handler, another one registers a handler on the same vector at that
/// time, and a third one holds the lock that the running handler waits for. The calls of the third
/// one go on, as they would in C.
fn registering_blocks_nobody<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let shared: Arc<Shared> = pdev.while_bound(try_pin_init!(Held {
        guard <- new_mutex!(None),
        handle <- new_mutex!(None),
    }? Error))?;
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
        let guard = binding.alloc_irq_vectors(1, 1, messages())?;
        let handle = binding.request_threaded::<CovariantForLt!(Slow)>(
            guard.index(0)?,
            Flags::ONESHOT,
            c"slow",
            |_| Ok(Slow(scene.clone())),
        )?;
        *held.guard.lock() = Some(Arc::new(guard, GFP_KERNEL)?);
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
    shared.with(|_, held| {
        let guard = held.guard.lock().take();
        drop(guard);
    })?;
    Ok(())
}

pub(crate) const CASES: &[Case] = cases![registering_blocks_nobody];
