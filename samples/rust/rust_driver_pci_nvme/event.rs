// SPDX-License-Identifier: GPL-2.0

//! The event that a reader waits for: the interrupt of its queue, or the end of the queue.

use kernel::{
    irq,
    new_condvar,
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        CondVarTimeoutResult,
        SpinLockIrq, //
    },
    time::msecs_to_jiffies, //
};

/// The time in milliseconds after which a controller is taken not to complete a command any more.
const TIMEOUT: u32 = 5000;

#[derive(Default)]
struct State {
    interrupted: bool,
    stopped: bool,
    gone: bool,
}

impl State {
    fn check(&self) -> Result {
        if self.gone {
            return Err(ENODEV);
        }
        if self.stopped {
            return Err(ESHUTDOWN);
        }
        Ok(())
    }
}

/// The event of one queue.
#[pin_data]
pub(super) struct Event {
    #[pin]
    state: SpinLockIrq<State>,
    #[pin]
    changed: CondVar,
}

impl Event {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_spinlock_irq!(State::default()),
            changed <- new_condvar!(),
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    /// Ends all waiting, because the controller is going to be reset.
    pub(super) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    /// Lets readers wait again.
    pub(super) fn start(&self) {
        self.change(|state| {
            state.stopped = false;
            state.interrupted = false;
        });
    }

    /// Ends all waiting for good, because the driver is being unbound.
    pub(super) fn kill(&self) {
        self.change(|state| state.gone = true);
    }

    /// Forgets earlier interrupts, before a command is given.
    ///
    /// # Errors
    ///
    /// `ENODEV` and `ESHUTDOWN`, for the same reasons as [`Self::wait`].
    pub(super) fn begin(&self) -> Result {
        let mut state = self.state.lock();
        state.interrupted = false;
        state.check()
    }

    /// Waits for an interrupt.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is being unbound.
    /// - `ESHUTDOWN` when the controller is being reset.
    /// - `ERESTARTSYS` when there is a signal.
    /// - `ETIMEDOUT` when no interrupt comes.
    pub(super) fn wait(&self) -> Result {
        let mut state = self.state.lock();
        let mut timed_out = false;
        loop {
            state.check()?;
            if core::mem::take(&mut state.interrupted) {
                return Ok(());
            }
            if timed_out {
                return Err(ETIMEDOUT);
            }
            let timeout = msecs_to_jiffies(TIMEOUT);
            match self.changed.wait_interruptible_timeout(&mut state, timeout) {
                CondVarTimeoutResult::Woken { .. } => {}
                CondVarTimeoutResult::Timeout => timed_out = true,
                CondVarTimeoutResult::Signal { .. } => return Err(ERESTARTSYS),
            }
        }
    }
}

/// The handler of a queue's vector: it wakes the reader, who looks at the queue.
pub(super) struct Handler(pub(super) Arc<Event>);

impl irq::Handler for Handler {
    fn handle(&self) -> irq::IrqReturn {
        self.0.change(|state| state.interrupted = true);
        irq::IrqReturn::Handled
    }
}
