// SPDX-License-Identifier: GPL-2.0

//! Tests of the node. They need no device.

use super::*;

#[macros::kunit_tests(rust_pci_ownership)]
mod cases {
    use super::*;

    /// A dummy address, which is never dereferenced.
    const ENTRY: *mut c_void = ptr::without_provenance_mut(8);

    #[test]
    fn new_node_is_the_drivers() {
        let node = Node::new();
        assert!(node.owner() == DRIVER);
        assert!(node.managed_entry().is_null());
        assert!(node.guard().is_none());
    }

    #[test]
    fn entry_makes_the_device_the_owner() {
        let node = Node::new();
        node.set_managed_entry(ENTRY);
        assert!(node.owner() == DEVICE);
        assert!(node.managed_entry() == ENTRY);
    }

    #[test]
    fn guard_is_the_one_that_was_set() {
        let node = Node::new();
        for id in [1, u64::MAX] {
            let id = NonZero::new(id);
            id.into_iter().for_each(|id| node.set_guard(id));
            assert!(node.guard() == id);
        }
    }

    #[test]
    fn reset_forgets_everything() {
        let node = Node::new();
        node.set_managed_entry(ENTRY);
        GuardId::new(7)
            .into_iter()
            .for_each(|id| node.set_guard(id));
        node.reset();
        assert!(node.owner() == DRIVER);
        assert!(node.guard().is_none());
    }
}
