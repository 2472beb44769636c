// SPDX-License-Identifier: GPL-2.0

//! Work that is queued cannot keep a managed BAR, because it may run after the BAR was unmapped.

//@ error: E0521

mod common;

use common::*;

use kernel::{
    sync::Arc,
    workqueue::{
        impl_has_work,
        Work,
        WorkItem, //
    }, //
};

#[pin_data]
struct Later<'c> {
    #[pin]
    work: Work<Self>,
    bar: ManagedBar<'c>,
}

impl_has_work! {
    impl{'c} HasWork<Self> for Later<'c> { self.work }
}

impl<'c> WorkItem for Later<'c> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        use_up(this.bar.try_read32(0));
    }
}

fn queue<'c>(later: Arc<Later<'c>>) { // FAIL
fn queue(later: Arc<Later<'static>>) { // PASS
    use_up(workqueue::system().enqueue(later));
}
