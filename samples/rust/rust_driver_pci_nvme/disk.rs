// SPDX-License-Identifier: GPL-2.0

//! The first namespace of a controller, and reading it.

use super::{
    command::{
        Command,
        Identify, //
    },
    queue::{
        Queue,
        MAX_DATA, //
    }, //
};
use kernel::prelude::*;

/// The namespace that is read.
const NAMESPACE: u32 = 1;

/// Its size, and the most bytes that the controller transfers with one command.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    blocks: u64,
    /// The size of a block, as a power of two.
    shift: u32,
    max_data: usize,
}

impl Disk {
    /// Asks the controller for the properties of the namespace, through its admin queue.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when there is no such namespace.
    /// - `EOPNOTSUPP` when its blocks have metadata, or their size is not valid.
    pub(super) fn identify(admin: &mut Queue<'_>) -> Result<Self> {
        let prp = admin.prp(4096);
        admin.execute(Command::identify(Identify::Controller, prp))?;
        // MDTS is a number of pages as a power of two, or 0 for no limit.
        let max_data = match admin.data(77)? {
            [0] => MAX_DATA,
            [mdts] => 4096_usize
                .checked_shl(mdts.into())
                .filter(|max| *max != 0)
                .map_or(MAX_DATA, |max| max.min(MAX_DATA)),
        };

        admin.execute(Command::identify(Identify::Namespace(NAMESPACE), prp))?;
        let blocks = u64::from_le_bytes(admin.data(0)?);
        let [flbas] = admin.data(26)?;
        let format = u32::from_le_bytes(admin.data(128 + 4 * usize::from(flbas & 0xf))?);
        let (shift, metadata) = (format >> 16 & 0xff, format & 0xffff);
        if blocks == 0 {
            return Err(ENODEV);
        }
        if metadata != 0 || !(9..=12).contains(&shift) || blocks > u64::MAX >> shift {
            return Err(EOPNOTSUPP);
        }
        Ok(Self {
            blocks,
            shift,
            max_data,
        })
    }

    /// Returns the size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.blocks << self.shift
    }

    /// Reads from byte `pos` on with one command, and returns how much was read. At the end of the
    /// disk that is 0.
    pub(super) fn read(&self, queue: &mut Queue<'_>, pos: u64, to: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.size().saturating_sub(pos)).unwrap_or(usize::MAX);
        // CAST: The value is less than the size of a block.
        let offset = (pos & ((1 << self.shift) - 1)) as usize;
        let len = to.len().min(left).min(self.max_data - offset);
        if len == 0 {
            return Ok(0);
        }
        let count = (offset + len).div_ceil(1 << self.shift);
        let prp = queue.prp(count << self.shift);
        let count = u16::try_from(count)?;

        queue.execute(Command::read(NAMESPACE, pos >> self.shift, count, prp))?;
        queue.copy_data(offset, &mut to[..len])?;
        Ok(len)
    }
}
