// SPDX-License-Identifier: GPL-2.0

//! A timer that borrows runs when its handle is forgotten, so starting one takes `unsafe`, unless
//! the call stops it.

//@ error: E0133

mod common;

use common::*;

use kernel::time::hrtimer::{
    HrTimerMode,
    ScopedHrTimerPointer,
    UnsafeHrTimerPointer, //
};

fn start<T: UnsafeHrTimerPointer<TimerMode = M>, M: HrTimerMode>(timer: T, at: M::Expires) {
    use_up(UnsafeHrTimerPointer::start(timer, at)); // FAIL
    use_up(ScopedHrTimerPointer::start_scoped(timer, at, || ())); // PASS
}
