// SPDX-License-Identifier: GPL-2.0

//! The queue data of a block device cannot keep a managed BAR, because it stays when the disk is
//! forgotten.

//@ error: E0477

mod common;

use common::*;

use kernel::{
    block::mq,
    sync::aref::ARef, //
};

struct Disk<'c>(core::marker::PhantomData<&'c ()>);

#[vtable]
impl<'c> mq::Operations for Disk<'c> {
    type QueueData = KBox<ManagedBar<'c>>;      // FAIL
    type QueueData = KBox<ManagedBar<'static>>; // PASS

    fn queue_rq(
        _data: &ManagedBar<'_>,
        _rq: ARef<mq::Request<Self>>,
        _is_last: bool,
    ) -> Result {
        Err(EIO)
    }

    fn commit_rqs(_data: &ManagedBar<'_>) {}

    fn complete(_rq: ARef<mq::Request<Self>>) {}
}
