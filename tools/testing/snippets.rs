// SPDX-License-Identifier: GPL-2.0

//! compile-fail.sh compiles the Rust snippets of the pages in this frame. It replaces a line "//@
//! PAGE N" by the N-th snippet of that page.

mod common;

use common::*;
use kernel::{
    dma::{
        Coherent,
        DmaMask, //
    },
    str::CString, //
};

type Bar<'a> = ManagedBar<'a, 0x100>;

mod one_vector {
    use super::*;

    struct Handler<'a> {
        bar: Bar<'a>,
    }

    impl irq::Handler for Handler<'_> {
        fn handle(&self) -> irq::IrqReturn {
            irq::IrqReturn::Handled
        }
    }

    fn probe<'b>(pdev: &'b Device<'b>) -> Result {
        //@ README.md 1
        Ok(())
    }

    struct Data<'b> {
        binding: pci::Binding<'b>,
        bar: Bar<'b>,
    }

    impl Data<'_> {
        fn outside_probe(&self, n: u32, i: usize, msix: IrqTypes) -> Result {
            //@ Documentation/PCI/rust-driver-out-of-tree.rst 3
            use_up((handle, vectors));
            Ok(())
        }
    }
}

mod several_vectors {
    use super::*;

    struct Handler<'a> {
        bar: Bar<'a>,
        queue: usize,
    }

    impl irq::Handler for Handler<'_> {
        fn handle(&self) -> irq::IrqReturn {
            irq::IrqReturn::Handled
        }
    }

    fn probe<'b>(pdev: &'b Device<'b>, bar: Bar<'b>) -> Result {
        //@ Documentation/PCI/rust-driver-out-of-tree.rst 1
        Ok(())
    }
}

mod dma {
    use super::*;

    type Descriptor = u64;

    fn probe<'b>(pdev: &'b Device<'b>) -> Result {
        //@ Documentation/PCI/rust-driver-out-of-tree.rst 2
        use_up(ring);
        Ok(())
    }
}

mod while_bound {
    use super::*;

    struct Interrupts<'a>(Bar<'a>);

    impl<'a> Interrupts<'a> {
        fn up(&self, _: pci::Binding<'a>) -> Result {
            Ok(())
        }
    }

    fn probe<'b>(pdev: &'b Device<'b>, bar: Bar<'b>) -> Result {
        //@ Documentation/PCI/rust-driver-out-of-tree.rst 4
    }
}
