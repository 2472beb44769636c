// SPDX-License-Identifier: GPL-2.0

//! Registers of an NVMe controller.
//!
//! NVM Express Base Specification, section 3.1, NVMe Controller Registers. Registers of 64 bits are
//! declared as halves, because a [`Region`](kernel::io::Region) of Linux 7.3 is aligned to four
//! bytes.

use kernel::{
    io::register,
    pci, //
};

register! {
    /// Controller Capabilities, lower half.
    pub(super) CAP(u32) @ 0x00 {
        /// How long the controller may take to become ready, in units of 500 ms.
        31:24 to;
    }

    /// Controller Capabilities, upper half.
    pub(super) CAP_HIGH(u32) @ 0x04 {
        /// Distance of doorbells, as a power of two of four bytes.
        3:0 dstrd;
    }

    /// Version, which is not 0.
    pub(super) VS(u32) @ 0x08 {
        31:16 mjr;
        15:8 mnr;
        7:0 ter;
    }

    /// Controller Configuration.
    pub(super) CC(u32) @ 0x14 {
        /// Size of an entry of a completion queue, as a power of two.
        23:20 iocqes;
        /// Size of an entry of a submission queue, as a power of two.
        19:16 iosqes;
        /// Enable.
        0:0 en => bool;
    }

    /// Controller Status.
    pub(super) CSTS(u32) @ 0x1c {
        /// Ready.
        0:0 rdy => bool;
    }

    /// Admin Queue Attributes: sizes, counted from 0.
    pub(super) AQA(u32) @ 0x24 {
        27:16 acqs;
        11:0 asqs;
    }

    /// Admin Submission Queue Base Address, lower half.
    pub(super) ASQ(u32) @ 0x28 {
        31:0 asqb;
    }

    /// Admin Submission Queue Base Address, upper half.
    pub(super) ASQ_HIGH(u32) @ 0x2c {
        31:0 asqb;
    }

    /// Admin Completion Queue Base Address, lower half.
    pub(super) ACQ(u32) @ 0x30 {
        31:0 acqb;
    }

    /// Admin Completion Queue Base Address, upper half.
    pub(super) ACQ_HIGH(u32) @ 0x34 {
        31:0 acqb;
    }
}

/// The offset of the doorbells. Each queue has one for submissions, then one for completions.
pub(super) const DOORBELLS: usize = 0x1000;

/// The registers. The number of doorbells depends on the controller.
pub(super) type Registers<'bound> = pci::ManagedBar<'bound, DOORBELLS>;
