// SPDX-License-Identifier: GPL-2.0

//! A timer cannot keep a managed BAR, because it runs when it is forgotten.

//@ error: E0477

mod common;

use common::*;

use kernel::{
    impl_has_hr_timer,
    sync::{
        Arc,
        ArcBorrow, //
    },
    time::{
        hrtimer::{
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerRestart,
            RelativeMode, //
        },
        Monotonic, //
    },
};

#[pin_data]
struct Later<'c> {
    #[pin]
    timer: HrTimer<Self>,
    bar: ManagedBar<'c>,
}

impl_has_hr_timer! {
    impl{'c} HasHrTimer<Self> for Later<'c> {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

impl<'c> HrTimerCallback for Later<'c> { // FAIL
impl HrTimerCallback for Later<'static> { // PASS
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        use_up(this.bar.try_read32(0));
        HrTimerRestart::NoRestart
    }
}
