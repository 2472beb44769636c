// SPDX-License-Identifier: GPL-2.0

//! Commands, as they are put into a submission queue.
//!
//! NVM Express Base Specification, sections 3.3.3 (submission queue entry) and 5 (admin commands),
//! and NVM Command Set Specification, section 3.2.4 (read).

use super::queue::DEPTH;

/// The place of a command's data: two entries of physical region pages (PRP).
pub(super) type Prp = [u64; 2];

/// The data structure that Identify returns.
pub(super) enum Identify {
    Controller,
    Namespace(u32),
}

/// A command of 16 words.
pub(super) struct Command([u32; 16]);

impl Command {
    fn new(opcode: u32, namespace: u32, prp: Prp, parameters: [u32; 3]) -> Self {
        // CAST: The lower and the upper half.
        let halves = |address: u64| [address as u32, (address >> 32) as u32];
        let ([prp1, prp1_high], [prp2, prp2_high]) = (halves(prp[0]), halves(prp[1]));
        let [cdw10, cdw11, cdw12] = parameters;

        // A queue has one command in flight at a time, so all have the identifier 0.
        #[rustfmt::skip]
        let words = [
            opcode, namespace, 0, 0,
            0, 0, prp1, prp1_high,
            prp2, prp2_high, cdw10, cdw11,
            cdw12, 0, 0, 0,
        ];
        Self(words)
    }

    /// Returns the words in the order of bytes that the controller reads.
    pub(super) fn words(self) -> [u32; 16] {
        self.0.map(u32::to_le)
    }

    /// Returns the command that reads the 4096 bytes of a data structure.
    pub(super) fn identify(what: Identify, prp: Prp) -> Self {
        match what {
            Identify::Namespace(id) => Self::new(0x06, id, prp, [0x00, 0, 0]),
            Identify::Controller => Self::new(0x06, 0, prp, [0x01, 0, 0]),
        }
    }

    /// Returns the command that asks for `count` queues of either kind. Its result says how many
    /// there may be.
    pub(super) fn set_number_of_queues(count: u16) -> Self {
        let from_0 = u32::from(count - 1);
        Self::new(0x09, 0, [0; 2], [0x07, from_0 << 16 | from_0, 0])
    }

    /// Returns the command that creates completion queue `id`, which interrupts with vector `id`.
    pub(super) fn create_completion_queue(id: u16, address: u64) -> Self {
        const CONTIGUOUS: u32 = 1 << 0;
        const INTERRUPTS: u32 = 1 << 1;
        let vector = u32::from(id) << 16;
        let parameters = [Self::queue(id), vector | INTERRUPTS | CONTIGUOUS, 0];
        Self::new(0x05, 0, [address, 0], parameters)
    }

    /// Returns the command that creates submission queue `id`, with completion queue `id`.
    pub(super) fn create_submission_queue(id: u16, address: u64) -> Self {
        const CONTIGUOUS: u32 = 1 << 0;
        let completion_queue = u32::from(id) << 16;
        let parameters = [Self::queue(id), completion_queue | CONTIGUOUS, 0];
        Self::new(0x01, 0, [address, 0], parameters)
    }

    fn queue(id: u16) -> u32 {
        // CAST: The queue depth is small.
        (DEPTH as u32 - 1) << 16 | u32::from(id)
    }

    /// Returns the command that reads `count` blocks from `block` on.
    pub(super) fn read(namespace: u32, block: u64, count: u16, prp: Prp) -> Self {
        // CAST: The lower and the upper half.
        let parameters = [block as u32, (block >> 32) as u32, u32::from(count - 1)];
        Self::new(0x02, namespace, prp, parameters)
    }
}
