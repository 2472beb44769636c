// SPDX-License-Identifier: GPL-2.0

//! The guests of converted drivers: each runs one driver on a function of the software PCI bus.

use crate::{guest::*, kernel::Kernel};

/// The kernels that it is run on and compared between. The one without the rule comes first, so that the behaviour of a driver there
/// is known if it fails with the rule.
pub const KERNELS: [Kernel; 2] = [Kernel::DriversOff, Kernel::Drivers];

/// The same, with sanitizers and with allocations that fail.
pub const DEBUG_KERNELS: [Kernel; 2] = [Kernel::DebugStock, Kernel::Debug];

/// The clocks of the guest count its instructions. So the bus obeys its rules in time whatever else the host does, and when all
/// processors of the guest wait for a time, that is over at once.
const CLOCK: &[&str] = &["-icount shift=4,sleep=off"];
/// A kernel with sanitizers needs more instructions for the same work, which must not take it longer.
pub const DEBUG_CLOCK: &[&str] = &["-icount shift=1,sleep=off"];

/// Returns the guest of a driver that is described in `tools/testing/guest/converted`. Its texts live as long as the program.
pub fn guest(driver: &str) -> GuestSpec {
    // Some BARs need more memory than can be allocated from the kernel. The bus has less than is reserved, because otherwise the
    // kernel's "Reserved" resource would be a child of the bus's.
    let memory = ["kunit.enable=0", "memmap=256M$0x10000000", "pci_soft.memory_start=0x10000000", "pci_soft.memory_size=0x9000000"];
    let named: &str = format!("converted={driver}").leak();
    GuestSpec {
        name: format!("converted::{driver}").leak(),
        kernels: &KERNELS,
        // The managed resources that it takes and gives back.
        agrees: 1,
        script: "converted",
        append: [&memory[..], &[named]].concat().leak(),
        devices: CLOCK,
        machine: "q35",
        ..DEFAULT
    }
}
