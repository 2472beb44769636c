// SPDX-License-Identifier: GPL-2.0

//! Tests of the arguments of an allocation. They need no device.

use super::*;

#[macros::kunit_tests(rust_pci_allocation)]
mod cases {
    use super::*;

    #[test]
    fn no_two_guards_have_one_name() {
        let names = [new_token(), new_token(), new_token()];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }

    #[test]
    fn affinity_brings_its_flag() -> Result {
        let wanted = Wanted::new(1, 4, IrqType::MsiX.into())?;
        assert!(wanted.flags & bindings::PCI_IRQ_AFFINITY == 0);
        assert!(wanted.affinity.is_none());
        let wanted = wanted.spread(affinity(2, 3))?;
        assert!(wanted.flags == bindings::PCI_IRQ_MSIX | bindings::PCI_IRQ_AFFINITY);
        let raw = wanted.affinity;
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
    fn affinity_that_c_cannot_count_is_refused() -> Result {
        let wanted = || Wanted::new(1, 4, IrqType::MsiX.into());
        assert!(wanted()?.spread(affinity(u32::MAX, 1)).err() == Some(EINVAL));
        assert!(wanted()?.spread(affinity(u32::MAX, 0)).is_ok());
        let none = Wanted::new(0, 4, IrqType::MsiX.into())?;
        assert!(none.spread(affinity(0, 0)).err() == Some(EINVAL));
        Ok(())
    }

    #[test]
    fn counts_stay_positive_in_c() -> Result {
        for count in [1, i32::MAX as u32, 1 << 31, u32::MAX] {
            let wanted = Wanted::new(count, count, IrqTypes::all())?;
            assert!(wanted.min_vecs == count.min(i32::MAX as u32));
            assert!(wanted.max_vecs == wanted.min_vecs);
        }
        Ok(())
    }
}
