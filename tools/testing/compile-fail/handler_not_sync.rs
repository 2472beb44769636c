// SPDX-License-Identifier: GPL-2.0

//! A handler that only one thread may use at a time is refused, because it runs on any CPU.

//@ error: E0277

mod common;

use common::*;

struct Count {
    count: core::cell::Cell<u32>,             // FAIL
    count: kernel::sync::atomic::Atomic<u32>, // PASS
}

impl irq::Handler for Count {
    fn handle(&self) -> irq::IrqReturn {
        use_up(&self.count);
        irq::IrqReturn::Handled
    }
}
