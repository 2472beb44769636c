// SPDX-License-Identifier: GPL-2.0

//! The controller: bringing it up, reading through it, resetting it, shutting it down.

use super::{
    command::Command,
    disk::Disk,
    event::{
        Event,
        Handler, //
    },
    queue::{
        Queue,
        DEPTH, //
    },
    regs::{
        Registers,
        ACQ,
        ACQ_HIGH,
        AQA,
        ASQ,
        ASQ_HIGH,
        CAP,
        CC,
        CSTS,
        VS, //
    }, //
};
use core::ops::Deref;
use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    device::Bound,
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    irq::Flags,
    new_mutex,
    pci::{
        self,
        Binding,
        IrqAffinity,
        IrqType,
        IrqTypes,
        ManagedIrqVectors, //
    },
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    time::Delta,
    types::{
        CovariantForLt,
        ForLt, //
    }, //
};

/// Values that exist while the controller is up.
struct Up<'bound> {
    device: &'bound pci::Device<Bound>,
    vectors: ManagedIrqVectors<'bound>,
    admin: Option<Queue<'bound>>,
}

/// An I/O queue, through which the disk is read. It is `None` while the controller is down.
type IoQueue<'bound> = Mutex<Option<(Disk, Queue<'bound>)>>;

/// The controller, which exists while the driver is bound.
///
/// A reader holds the lock of its queue while its command is in flight. A reset holds `up`, tells
/// readers to stop, and takes each queue while it holds its lock. Readers wait for `up`, and begin
/// anew.
#[pin_data(PinnedDrop)]
pub(super) struct Controller<'bound> {
    registers: Registers<'bound>,
    #[pin]
    up: Mutex<Option<Up<'bound>>>,
    /// One event for each vector. The first is that of the admin queue.
    events: KVec<Arc<Event>>,
    /// Element `i` is I/O queue `i + 1`.
    queues: KVec<Pin<KBox<IoQueue<'bound>>>>,
    /// The number of each CPU's queue, the one whose vector was spread to the CPU.
    queue_of_cpu: KVec<Atomic<u32>>,
}

impl<'bound> Controller<'bound> {
    /// Creates a controller that is down, with up to `vectors` vectors.
    pub(super) fn new(
        registers: Registers<'bound>,
        vectors: usize,
    ) -> Result<impl PinInit<Self, Error> + use<'bound>> {
        let cpus = usize::try_from(nr_cpu_ids())?;
        let mut events = KVec::new();
        events.push(Arc::pin_init(Event::new(), GFP_KERNEL)?, GFP_KERNEL)?;
        let mut queues = KVec::new();
        for _ in 1..vectors.min(1 + cpus) {
            events.push(Arc::pin_init(Event::new(), GFP_KERNEL)?, GFP_KERNEL)?;
            queues.push(KBox::pin_init(new_mutex!(None), GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let mut queue_of_cpu = KVec::new();
        for _ in 0..cpus {
            queue_of_cpu.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(try_pin_init!(Self {
            registers,
            up <- new_mutex!(None),
            events,
            queues,
            queue_of_cpu,
        }? Error))
    }

    /// Reads from byte `pos` on with one command, through the queue of this CPU. During a reset of
    /// the controller this waits, and reads afterwards.
    ///
    /// # Errors
    ///
    /// - `ENODEV` when the driver is being unbound.
    /// - `EIO` when the controller reports an error, or the last reset has failed.
    /// - `ETIMEDOUT` when the controller does not answer; a reset may help.
    /// - `ERESTARTSYS` when there is a signal.
    pub(super) fn read(&self, pos: u64, to: &mut [u8]) -> Result<usize> {
        loop {
            // This is only a hint: the task may move to another CPU.
            let cpu = CpuId::current().as_u32() as usize;
            let number = self.queue_of_cpu.get(cpu).map_or(0, |q| q.load(Relaxed));
            let queue = self.queues.get(number as usize).ok_or(EIO)?;

            let done = match &mut *queue.lock() {
                Some((disk, queue)) => disk.read(queue, pos, to),
                None => Err(ESHUTDOWN),
            };
            if done != Err(ESHUTDOWN) {
                return done;
            }
            // A task that resets the controller holds the lock.
            if self.up.lock().is_none() {
                return Err(EIO);
            }
        }
    }

    /// Brings the controller up, with newly allocated vectors. If it is up, brings it down first.
    ///
    /// Returns the disk and the number of I/O queues.
    ///
    /// # Errors
    ///
    /// After any error the controller is down:
    ///
    /// - `ENODEV` when it is not there, has no disk, or the driver is being unbound.
    /// - `ETIMEDOUT` when it does not answer, `EIO` when it refuses a command.
    /// - Any error of an allocation.
    pub(super) fn reset(&self, binding: Binding<'bound>) -> Result<(Disk, usize)> {
        let mut up = self.up.lock();
        self.bring_down(&mut up)?;
        self.disable()?;

        let msix = IrqTypes::default().with(IrqType::MsiX);
        // All vectors but that of the admin queue.
        let spread = IrqAffinity {
            pre_vectors: 1,
            ..Default::default()
        };
        let wanted = u32::try_from(self.events.len())?;
        let vectors = binding.pcim_alloc_irq_vectors_affinity(2, wanted, msix, spread)?;
        let found = self.bring_up(
            binding,
            up.insert(Up {
                device: binding.device(),
                vectors,
                admin: None,
            }),
        );
        if found.is_err() {
            self.bring_down(&mut up)?;
        }
        found
    }

    /// Ends all waiting for the controller, because the driver is being unbound.
    pub(super) fn kill(&self) {
        self.events.iter().for_each(|event| event.kill());
    }

    fn bring_up(&self, binding: Binding<'bound>, up: &mut Up<'bound>) -> Result<(Disk, usize)> {
        self.events.iter().for_each(|event| event.start());
        let admin = self.new_queue(binding, up.vectors, 0)?;
        let admin = up.admin.insert(admin);
        self.enable(admin)?;

        let disk = Disk::identify(admin)?;
        let wanted = u16::try_from(up.vectors.len() - 1)?;
        let granted = admin.execute(Command::set_number_of_queues(wanted))?;
        // The result has the submission queues, then the completion queues, both counted from 0.
        let granted = 1 + (granted & 0xffff).min(granted >> 16);
        let count = usize::from(wanted).min(granted as usize);

        for (number, queue) in self.queues.iter().enumerate().take(count) {
            let id = u16::try_from(number + 1)?;
            let new = self.new_queue(binding, up.vectors, id)?;
            let (submissions, completions) = new.addresses();
            // The controller uses this memory, so it must be kept whatever happens.
            let mut queue = queue.lock();
            *queue = Some((disk, new));
            admin.execute(Command::create_completion_queue(id, completions))?;
            admin.execute(Command::create_submission_queue(id, submissions))?;
        }
        for (cpu, number) in self.queue_of_cpu.iter().enumerate() {
            number.store(self.find_queue(up.vectors, cpu, count)?, Relaxed);
        }
        Ok((disk, count))
    }

    /// Creates a queue, with a handler on its vector.
    fn new_queue(
        &self,
        binding: Binding<'bound>,
        vectors: ManagedIrqVectors<'bound>,
        id: u16,
    ) -> Result<Queue<'bound>> {
        let event = self.events.get(usize::from(id)).ok_or(EINVAL)?;
        binding
            .request::<CovariantForLt!(Handler)>(
                vectors.index(id.into())?,
                Flags::TRIGGER_NONE,
                &CString::try_from_fmt(fmt!("nvme-rust0-q{id}"))?,
                |_| Ok(Handler(event.clone())),
            )?
            .until_unbind();
        let dev = binding.device().as_ref();
        Queue::new(dev, self.registers, id, event.clone())
    }

    /// Returns which of `count` queues has the vector that was spread to `cpu`.
    fn find_queue(
        &self,
        vectors: ManagedIrqVectors<'bound>,
        cpu: usize,
        count: usize,
    ) -> Result<u32> {
        let id = CpuId::from_u32(u32::try_from(cpu)?).ok_or(EINVAL)?;
        for number in 0..count {
            let mask = vectors.index(number + 1)?.affinity()?;
            if mask.is_some_and(|mask| mask.deref().test(id)) {
                return Ok(u32::try_from(number)?);
            }
        }
        Ok(u32::try_from(cpu.checked_rem(count).ok_or(EINVAL)?)?)
    }

    /// Enables the controller, with its admin queue.
    fn enable(&self, admin: &Queue<'_>) -> Result {
        let (submissions, completions) = admin.addresses();
        let registers = self.registers;
        // Sizes are counted from 0.
        registers.write_reg(
            AQA::zeroed()
                .with_const_acqs::<{ DEPTH as u32 - 1 }>()
                .with_const_asqs::<{ DEPTH as u32 - 1 }>(),
        );
        // CAST: The lower and the upper half.
        let halves = |address: u64| (address as u32, (address >> 32) as u32);
        let (low, high) = halves(submissions);
        registers.write_reg(ASQ::zeroed().with_asqb(low));
        registers.write_reg(ASQ_HIGH::zeroed().with_asqb(high));
        let (low, high) = halves(completions);
        registers.write_reg(ACQ::zeroed().with_acqb(low));
        registers.write_reg(ACQ_HIGH::zeroed().with_acqb(high));
        // Entries have 16 bytes in completion queues and 64 bytes in submission queues.
        registers.write_reg(
            CC::zeroed()
                .with_const_iocqes::<4>()
                .with_const_iosqes::<6>()
                .with_en(true),
        );
        self.wait_until_ready(true)
    }

    /// Disables the controller, which resets it, and waits until it does not use memory any more.
    fn disable(&self) -> Result {
        self.registers.update(CC, |cc| cc.with_en(false));
        self.wait_until_ready(false)
    }

    fn wait_until_ready(&self, ready: bool) -> Result {
        let units = i64::from(self.registers.read(CAP).to().get());
        read_poll_timeout(
            || Ok(self.registers.read(CSTS)),
            |status| status.into_raw() == u32::MAX || status.rdy() == ready,
            Delta::from_micros(100),
            Delta::from_millis((units + 1) * 500),
        )?;
        // Without an answer a read returns all ones on a bus, and zeroes in QEMU.
        match self.registers.read(VS).into_raw() {
            0 | u32::MAX => Err(ENODEV),
            _ => Ok(()),
        }
    }

    /// Brings the controller down, if it is up, and frees its vectors after their handlers.
    fn bring_down(&self, up: &mut Option<Up<'bound>>) -> Result {
        let Some(up) = up.take() else { return Ok(()) };
        self.release_queues(up.device, up.admin);
        up.vectors.free()
    }

    /// Sends the readers away, and releases the memory of the queues.
    fn release_queues(&self, device: &pci::Device<Bound>, admin: Option<Queue<'bound>>) {
        self.events.iter().for_each(|event| event.stop());
        // When every lock has been held once, all readers have left, and no reader can start a
        // command.
        for queue in &self.queues {
            if let Some((_, queue)) = &mut *queue.lock() {
                queue.drain();
            }
        }
        // A controller that is gone does not use memory either. Then the vendor's number reads as
        // all ones. A controller whose registers were switched off has one, and may still use it.
        let is_gone = || device.config_space().try_read16(0) == Ok(u16::MAX);
        let is_quiet = self.disable().is_ok() || is_gone();
        // Otherwise the memory is left to the controller for ever.
        let release = |queue: Queue<'bound>| {
            if !is_quiet {
                pr_err!("the controller does not stop, its memory is not freed\n");
                core::mem::forget(queue);
            }
        };
        admin.into_iter().for_each(release);
        for queue in &self.queues {
            if let Some((_, queue)) = queue.lock().take() {
                release(queue);
            }
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Controller<'_> {
    fn drop(self: Pin<&mut Self>) {
        // The device frees the vectors.
        let up = self.up.lock().take();
        if let Some(up) = up {
            self.release_queues(up.device, up.admin);
        }
    }
}

/// The controller, which can be used as long as the driver is bound.
pub(super) type Shared = pci::WhileBound<ForLt!(Controller<'_>)>;
