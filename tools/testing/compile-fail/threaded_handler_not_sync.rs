// SPDX-License-Identifier: GPL-2.0

//! A threaded handler that only one thread may use at a time is refused, because its two halves run
//! concurrently.

//@ error: E0277

mod common;

use common::*;

struct Count {
    count: core::cell::Cell<u32>,             // FAIL
    count: kernel::sync::atomic::Atomic<u32>, // PASS
}

impl irq::ThreadedHandler for Count {
    fn handle_threaded(&self) -> irq::IrqReturn {
        use_up(&self.count);
        irq::IrqReturn::Handled
    }
}
