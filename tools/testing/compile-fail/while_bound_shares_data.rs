// SPDX-License-Identifier: GPL-2.0

//! A callback cannot keep a reference to a part of the data in which a later call stores what it is
//! lent. It could give that to a handler.

//@ error: lifetime may not live long enough

mod common;

use common::*;
use kernel::{
    new_mutex,
    sync::Arc, //
};

type Store<'a> = Arc<Mutex<Option<pci::Binding<'a>>>>;

fn new_store<'a>() -> Result<Store<'a>> {
    Arc::pin_init(new_mutex!(None), GFP_KERNEL)
}

fn probe<'c>(pdev: &Device<'c>) -> Result<Option<pci::Binding<'c>>> {
    let store: Store<'c> = new_store()?;
    let lent = pdev.while_bound::<ForLt!(Store<'_>)>(|_| {
        let store = store.clone(); // FAIL
        let store = new_store()?; // PASS
        Ok(KBox::pin(store, GFP_KERNEL)?)
    })?;
    lent.with(|binding, lent| *lent.lock() = Some(binding))?;
    let binding = *store.lock();
    Ok(binding)
}
