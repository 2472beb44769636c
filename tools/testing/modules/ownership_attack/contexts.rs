// SPDX-License-Identifier: GPL-2.0

//! Tests that data which is lent while the driver is bound cannot be used where sleeping is not
//! allowed.

use super::*;
use kernel::{
    sync::Completion,
    time::{
        hrtimer::{
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Monotonic, //
    },
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

/// Results of attempts in places that cannot return them.
#[pin_data]
struct Tried {
    refused: Atomic<u32>,
    #[pin]
    done: Completion,
}

impl Tried {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                refused: Atomic::new(0),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Uses the data that is lent.
    fn attempt(&self, lent: &Lent) {
        let refused = lent.with(|_, hardware| hardware.acknowledge()).err() == Some(EDEADLK);
        self.refused.store(refused.into(), Relaxed);
        self.done.complete_all();
    }

    fn was_refused(&self) -> bool {
        self.done.wait_for_completion();
        self.refused.load(Relaxed) == 1
    }
}

#[pin_data]
struct Timer {
    #[pin]
    timer: HrTimer<Self>,
    lent: Arc<Lent>,
    tried: Arc<Tried>,
}

kernel::impl_has_hr_timer! {
    impl HasHrTimer<Self> for Timer {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

impl HrTimerCallback for Timer {
    type Pointer<'a> = Pin<KBox<Self>>;

    fn run(this: Pin<&mut Self>, _ctx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        this.tried.attempt(&this.lent);
        HrTimerRestart::NoRestart
    }
}

fn timer_is_refused<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let tried = Tried::new()?;
    let sent = tried.clone();
    let timer = KBox::try_pin_init(
        try_pin_init!(Timer {
            timer <- HrTimer::new(),
            lent: hardware.share(pdev)?,
            tried: sent,
        }),
        GFP_KERNEL,
    )?;
    let handle = timer.start(Delta::from_millis(1));
    check!(tried.was_refused());
    drop(handle);
    Ok(())
}

/// Work for a bottom half. Lockdep must not take it for work of a thread, as it takes all closures
/// of `Queue::try_spawn()` for one kind of work.
#[pin_data]
struct BottomHalf {
    #[pin]
    work: Work<Self>,
    lent: Arc<Lent>,
    tried: Arc<Tried>,
}

kernel::impl_has_work! {
    impl HasWork<Self> for BottomHalf { self.work }
}

impl WorkItem for BottomHalf {
    type Pointer = Pin<KBox<Self>>;

    fn run(this: Self::Pointer) {
        this.tried.attempt(&this.lent);
    }
}

fn bottom_half_is_refused<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let tried = Tried::new()?;
    let sent = tried.clone();
    let work = KBox::try_pin_init(
        try_pin_init!(BottomHalf {
            work <- kernel::new_work!("BottomHalf::work"),
            lent: hardware.share(pdev)?,
            tried: sent,
        }),
        GFP_KERNEL,
    )?;
    workqueue::system_bh().enqueue(work);
    check!(tried.was_refused());
    Ok(())
}

/// A handler that uses data which it must not use.
struct Tries {
    lent: Arc<Lent>,
    tried: Arc<Tried>,
}

impl irq::Handler for Tries {
    fn handle(&self) -> irq::IrqReturn {
        self.tried.attempt(&self.lent);
        irq::IrqReturn::Handled
    }
}

/// With `CONFIG_DEBUG_SHIRQ` `free_irq()` calls a shared handler once more, with interrupts off.
/// The handler must not use anything then, and above all not release itself.
fn released_handler_is_refused<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    let tried = Tried::new()?;
    let lent = hardware.share(pdev)?;
    let handler = Ok(Tries {
        lent,
        tried: tried.clone(),
    });
    let handle = vectors
        .index(0)?
        .request(pdev, Flags::SHARED, c"attack", handler)?;
    drop(handle);
    check!(!cfg!(CONFIG_DEBUG_SHIRQ) || tried.was_refused());
    Ok(())
}

pub(crate) const CASES: &[Case] = cases![
    timer_is_refused,
    bottom_half_is_refused,
    released_handler_is_refused,
];
