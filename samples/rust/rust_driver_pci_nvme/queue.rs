// SPDX-License-Identifier: GPL-2.0

//! A submission queue, its completion queue, and memory for the data of the command in flight.

use super::{
    command::{
        Command,
        Prp, //
    },
    event::Event,
    regs::{
        Registers,
        CAP_HIGH,
        DOORBELLS, //
    }, //
};
use kernel::{
    device::{
        self,
        Bound, //
    },
    dma::Coherent,
    io::{
        io_project,
        io_read,
        io_write,
        poll::read_poll_timeout,
        Io, //
    },
    prelude::*,
    sync::{
        barrier::{
            dma_mb,
            Read, //
        },
        Arc, //
    },
    time::Delta, //
};

/// The number of entries of a queue. One is always free, which leaves one command in flight.
pub(super) const DEPTH: usize = 2;

/// The size of a page of the controller after a reset.
const PAGE: usize = 4096;

/// The most bytes that a command transfers.
pub(super) const MAX_DATA: usize = 16 * PAGE;

/// A pair of queues. A caller with exclusive access executes commands, one after the other.
///
/// The memory belongs to the queue and not to the reader: a reader that is interrupted leaves its
/// command in flight to the next one.
pub(super) struct Queue<'bound> {
    registers: Registers<'bound>,
    submission_doorbell: usize,
    completion_doorbell: usize,
    event: Arc<Event>,
    submissions: Coherent<[[u32; 16]]>,
    completions: Coherent<[[u32; 4]]>,
    data: Coherent<[u8]>,
    /// The addresses of the pages of `data`, except for the first.
    pages: Coherent<[u64]>,
    tail: usize,
    head: usize,
    phase: bool,
    in_flight: bool,
}

impl<'bound> Queue<'bound> {
    /// Creates queue `id`, which the controller does not know yet.
    pub(super) fn new(
        dev: &device::Device<Bound>,
        registers: Registers<'bound>,
        id: u16,
        event: Arc<Event>,
    ) -> Result<Self> {
        let stride = 4 << registers.read(CAP_HIGH).dstrd().get();
        let submission_doorbell = DOORBELLS + usize::from(id) * 2 * stride;

        let data = Coherent::zeroed_slice(dev, MAX_DATA, GFP_KERNEL)?;
        let pages = Coherent::zeroed_slice(dev, MAX_DATA / PAGE - 1, GFP_KERNEL)?;
        for i in 0..pages.len() {
            let page = data.dma_address() + ((i + 1) * PAGE) as u64;
            io_write!(pages, [try: i], page.to_le());
        }
        Ok(Self {
            registers,
            submission_doorbell,
            completion_doorbell: submission_doorbell + stride,
            event,
            submissions: Coherent::zeroed_slice(dev, DEPTH, GFP_KERNEL)?,
            completions: Coherent::zeroed_slice(dev, DEPTH, GFP_KERNEL)?,
            data,
            pages,
            tail: 0,
            head: 0,
            phase: true,
            in_flight: false,
        })
    }

    /// Returns the addresses of the submission queue and of the completion queue.
    pub(super) fn addresses(&self) -> (u64, u64) {
        let (submissions, completions) = (&self.submissions, &self.completions);
        (submissions.dma_address(), completions.dma_address())
    }

    /// Returns the entries for a transfer of `len` bytes.
    pub(super) fn prp(&self, len: usize) -> Prp {
        let first = self.data.dma_address();
        match len.div_ceil(PAGE) {
            0 | 1 => [first, 0],
            2 => [first, first + PAGE as u64],
            _ => [first, self.pages.dma_address()],
        }
    }

    /// Executes a command, and returns its result.
    ///
    /// # Errors
    ///
    /// - `EIO` when the controller says that it failed.
    /// - Any error of [`Event::wait`]. Then the command may be in flight.
    pub(super) fn execute(&mut self, command: Command) -> Result<u32> {
        self.event.begin()?;
        // The command may be that of a reader that was interrupted. Nobody needs its result.
        if self.in_flight {
            self.wait()?;
        }
        self.submit(command)?;
        match self.wait()? {
            (result, 0) => Ok(result),
            _ => Err(EIO),
        }
    }

    fn submit(&mut self, command: Command) -> Result {
        io_project!(self.submissions, [try: self.tail]).copy_write(command.words());
        self.tail = (self.tail + 1) % DEPTH;
        self.in_flight = true;
        // The write is ordered: before it, the controller sees the entry in memory.
        //
        // CAST: Less than the depth.
        let tail = self.tail as u32;
        self.registers.try_write32(tail, self.submission_doorbell)
    }

    /// Waits for the command in flight, and returns its result and status.
    ///
    /// The interrupt of a queue whose CPU went offline does not arrive, although the command may
    /// have completed. So the queue itself is checked at the end.
    fn wait(&mut self) -> Result<(u32, u32)> {
        let mut waited = Ok(());
        loop {
            if let Some(completion) = self.completion()? {
                self.in_flight = false;
                return Ok(completion);
            }
            waited?;
            waited = self.event.wait();
        }
    }

    /// Waits for a command that somebody has left in flight, a tenth of a second at most, so that
    /// the controller is not disabled under it.
    pub(super) fn drain(&mut self) {
        if self.in_flight {
            // A controller that is gone or stuck completes nothing, and is disabled all the same.
            let _ = read_poll_timeout(
                || self.completion(),
                Option::is_some,
                Delta::from_micros(100),
                Delta::from_millis(100),
            );
        }
    }

    /// Takes the next completion out of the queue, if there is one.
    fn completion(&mut self) -> Result<Option<(u32, u32)>> {
        let last = u32::from_le(io_read!(self.completions, [try: self.head][try: 3]));
        // The controller inverts the phase with each round through the queue.
        if (last & 1 << 16 != 0) != self.phase {
            return Ok(None);
        }
        // The rest of the entry and the data are not read before the phase.
        dma_mb(Read);
        let result = u32::from_le(io_read!(self.completions, [try: self.head][try: 0]));

        self.head = (self.head + 1) % DEPTH;
        if self.head == 0 {
            self.phase = !self.phase;
        }
        // CAST: Less than the depth.
        let head = self.head as u32;
        self.registers.try_write32(head, self.completion_doorbell)?;
        Ok(Some((result, last >> 17)))
    }

    /// Copies what the last command has transferred, from `offset` on.
    ///
    /// # Errors
    ///
    /// `ERANGE` when the range is not in the memory for data.
    pub(super) fn copy_data(&self, offset: usize, to: &mut [u8]) -> Result {
        let end = offset.checked_add(to.len()).ok_or(ERANGE)?;
        io_project!(self.data, [try: offset..end]).copy_to_slice(to);
        Ok(())
    }

    /// Returns `N` bytes of what the last command has transferred.
    pub(super) fn data<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.copy_data(offset, &mut bytes)?;
        Ok(bytes)
    }
}
