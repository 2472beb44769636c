// SPDX-License-Identifier: GPL-2.0

//! A value that is stored in a tree through a shared reference must live as long as the tree's type
//! says. What is taken out has the lifetime of that type.

//@ error: E0521

mod common;

use common::*;
use kernel::maple_tree::MapleTree;

type Tree<'a> = MapleTree<KBox<ManagedBar<'a>>>;

fn store<'a>(tree: &Tree<'a>, bar: ManagedBar<'a>) -> Result {
    let stored = tree.insert(0, KBox::new(bar, GFP_KERNEL)?, GFP_KERNEL);
    stored.map_err(|_| ENOMEM)
}

fn lengthen<'c>(tree: &Tree<'static>, bar: ManagedBar<'c>) -> Result { // FAIL
fn lengthen<'c>(tree: &Tree<'c>, bar: ManagedBar<'c>) -> Result { // PASS
    store(tree, bar)
}
