// SPDX-License-Identifier: GPL-2.0

//! Tests of the node, which need no device.

use super::*;
use core::mem::MaybeUninit;

#[macros::kunit_tests(rust_pci_ownership)]
mod cases {
    use super::*;

    fn new_node() -> Node {
        let mut node = MaybeUninit::<Node>::uninit();
        // SAFETY: It is valid for writes, and nobody has a reference to it.
        unsafe { Node::init(node.as_mut_ptr()) };
        // SAFETY: What is not initialised now is opaque.
        unsafe { node.assume_init() }
    }

    fn ownerships() -> [Ownership; 4] {
        let guard = |id| NonZero::new(id);
        [
            (Owner::Driver, None),
            (Owner::Device, None),
            (Owner::Driver, guard(1)),
            (Owner::Device, guard((1 << 63) - 1)),
        ]
        .map(|(owner, guard)| Ownership { owner, guard })
    }

    #[test]
    fn new_node_is_the_drivers() {
        let Ownership { owner, guard } = new_node().get();
        assert!(owner == Owner::Driver);
        assert!(guard.is_none());
    }

    #[test]
    fn node_says_what_it_was_told() {
        let node = new_node();
        for told in ownerships() {
            node.set(told);
            let Ownership { owner, guard } = node.get();
            assert!(owner == told.owner);
            assert!(guard == told.guard);
        }
    }

    #[test]
    fn words_differ() {
        let words = ownerships().map(Ownership::to_word);
        for (i, word) in words.iter().enumerate() {
            assert!(words.iter().position(|other| other == word) == Some(i));
        }
    }

    #[test]
    fn guard_with_too_high_an_id_is_not_recognised() {
        let owner = Owner::Driver;
        let id = NonZero::new(1 << 63);
        let kept = Ownership::from_word(Ownership { owner, guard: id }.to_word());
        assert!(kept.guard != id);
        assert!(kept.owner == owner);
    }
}
