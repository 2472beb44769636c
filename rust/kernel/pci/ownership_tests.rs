// SPDX-License-Identifier: GPL-2.0

//! Tests of the node and of what goes into an allocation, which need no device.

use super::*;
use crate::pci::binding::name;
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

    #[test]
    fn no_two_guards_have_one_name() {
        let names = [name(), name(), name()];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }

    #[test]
    fn affinity_brings_its_flag() -> Result {
        let wanted = Wanted::new(1, 4, bindings::PCI_IRQ_MSIX);
        assert!(wanted.flags & bindings::PCI_IRQ_AFFINITY == 0);
        assert!(wanted.affinity.is_none());
        let wanted = wanted.spread(affinity(2, 3))?;
        assert!(wanted.flags == bindings::PCI_IRQ_MSIX | bindings::PCI_IRQ_AFFINITY);
        let raw = wanted.affinity.map(IrqAffinity::into_raw);
        assert!(raw.is_some_and(|raw| raw.pre_vectors == 2 && raw.post_vectors == 3));
        Ok(())
    }

    fn affinity(pre_vectors: u32, post_vectors: u32) -> IrqAffinity {
        IrqAffinity {
            pre_vectors,
            post_vectors,
        }
    }

    #[test]
    fn affinity_that_c_cannot_count_is_refused() {
        let wanted = || Wanted::new(1, 4, bindings::PCI_IRQ_MSIX);
        assert!(wanted().spread(affinity(u32::MAX, 1)).err() == Some(EINVAL));
        assert!(wanted().spread(affinity(u32::MAX, 0)).is_ok());
        let none = Wanted::new(0, 4, bindings::PCI_IRQ_MSIX);
        assert!(none.spread(affinity(0, 0)).err() == Some(EINVAL));
    }

    #[test]
    fn counts_stay_positive_in_c() {
        for count in [0, 1, i32::MAX as u32, 1 << 31, u32::MAX] {
            let wanted = Wanted::new(count, count, 0);
            assert!(wanted.min_vecs == count.min(i32::MAX as u32));
            assert!(wanted.max_vecs == wanted.min_vecs);
        }
    }
}
