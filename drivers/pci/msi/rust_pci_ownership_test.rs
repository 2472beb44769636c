// SPDX-License-Identifier: GPL-2.0

//! Tests interrupt-vector ownership as safe Rust drivers see it.
//!
//! The driver binds to QEMU's `edu` device (one MSI vector, and INTx), makes the calls that drivers
//! make, and prints the results as KTAP each time it binds. There is no `unsafe` in it, so any
//! driver can do the same.
//!
//! Some cases leave something behind on purpose, as a program that forgets its guards does. Such a
//! case ends when the device is unbound, and has passed only if the next bind passes as well.

use core::mem::forget;
use kernel::{
    cpu::CpuId,
    cpumask::CpumaskVar,
    device::Core,
    io::Io,
    irq::{
        self,
        Flags, //
    },
    new_mutex,
    pci::{
        self,
        IrqType,
        IrqTypes, //
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
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
};

type Device<'c> = pci::Device<Core<'c>>;

/// The device raises an interrupt when a reason is written here.
const IRQ_RAISE: usize = 0x60;
/// The device lowers the interrupt when the reason is written here.
const IRQ_ACKNOWLEDGE: usize = 0x64;

/// Fails the case with its line number unless the condition holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            pr_info!("    # line {}: {}\n", line!(), stringify!($condition));
            return Err(EINVAL);
        }
    };
}

fn msi() -> IrqTypes {
    IrqType::Msi.into()
}

fn intx() -> IrqTypes {
    IrqType::Intx.into()
}

/// Returns whether vectors can be allocated, that is, whether none are live.
fn is_free(pdev: &Device<'_>) -> bool {
    pdev.alloc_irq_vectors(1, 1, msi()).is_ok()
}

fn is_busy<T>(result: Result<T>) -> bool {
    result.err() == Some(EBUSY)
}

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// A handler that counts its calls, and records when it is dropped.
struct Counter<'c> {
    bar: pci::ManagedBar<'c>,
    calls: Arc<Atomic<u32>>,
    dropped: Arc<Atomic<u32>>,
}

impl irq::Handler for Counter<'_> {
    fn handle(&self) -> irq::IrqReturn {
        if self.bar.try_write32(1, IRQ_ACKNOWLEDGE).is_ok() {
            self.calls.add(1, Relaxed);
        }
        irq::IrqReturn::Handled
    }
}

impl Drop for Counter<'_> {
    fn drop(&mut self) {
        self.dropped.add(1, Relaxed);
    }
}

/// A handler whose thread runs for a while, and counts when that is over.
struct Slow<'c> {
    counter: Counter<'c>,
    runs: Arc<Atomic<u32>>,
}

impl irq::ThreadedHandler for Slow<'_> {
    fn handle_threaded(&self) -> irq::IrqReturn {
        self.runs.store(1, Relaxed);
        fsleep(Delta::from_millis(50));
        irq::Handler::handle(&self.counter)
    }
}

/// The registers of the device, and the counters of its handlers.
struct Probe<'c> {
    bar: pci::ManagedBar<'c>,
    calls: Arc<Atomic<u32>>,
    dropped: Arc<Atomic<u32>>,
}

impl<'c> Probe<'c> {
    fn new(pdev: &Device<'c>) -> Result<Self> {
        pdev.set_master();
        Ok(Self {
            bar: pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?,
            calls: Arc::new(Atomic::new(0), GFP_KERNEL)?,
            dropped: Arc::new(Atomic::new(0), GFP_KERNEL)?,
        })
    }

    fn handler(&self) -> Counter<'c> {
        Counter {
            bar: self.bar,
            calls: self.calls.clone(),
            dropped: self.dropped.clone(),
        }
    }

    /// Registers a [`Counter`] for `vector`.
    fn register<'a, V: Copy>(
        &self,
        pdev: &'a Device<'c>,
        vector: pci::IrqVector<'a, V>,
    ) -> Result<pci::IrqHandle<'a, Counter<'c>>> {
        let handler = Ok(self.handler());
        vector.request(pdev, Flags::TRIGGER_NONE, c"ownership_test", handler)
    }

    /// Registers a [`Counter`] with the binding.
    fn register_later<'a>(
        &self,
        binding: pci::Binding<'a>,
        vector: pci::IrqVector<'_, impl Copy>,
    ) -> Result<pci::IrqHandle<'a, Counter<'a>>> {
        binding.request::<CovariantForLt!(Counter<'_>)>(
            vector,
            Flags::TRIGGER_NONE,
            c"ownership_test",
            |lend| {
                Ok(Counter {
                    bar: lend.bar(self.bar)?,
                    calls: self.calls.clone(),
                    dropped: self.dropped.clone(),
                })
            },
        )
    }

    /// Makes the device interrupt, and returns whether the handler runs.
    ///
    /// That may take long on a busy machine, and where handlers are threads.
    fn interrupts(&self) -> Result<bool> {
        self.interrupts_within(Delta::from_secs(10))
    }

    /// Makes the device interrupt, and returns whether no handler runs soon after.
    fn stays_silent(&self) -> Result<bool> {
        Ok(!self.interrupts_within(Delta::from_millis(50))?)
    }

    fn interrupts_within(&self, limit: Delta) -> Result<bool> {
        let before = self.calls.load(Relaxed);
        self.bar.try_write32(1, IRQ_RAISE)?;
        let seen = kernel::io::poll::read_poll_timeout(
            || Ok(self.calls.load(Relaxed)),
            |now| *now != before,
            Delta::from_micros(100),
            limit,
        );
        self.bar.try_write32(1, IRQ_ACKNOWLEDGE)?;
        Ok(seen.is_ok())
    }

    fn dropped(&self) -> u32 {
        self.dropped.load(Relaxed)
    }
}

fn explicit_freed_on_drop(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    check!(vectors.len() == 1);
    check!(vectors.irq_type() == IrqType::Msi);
    check!(vectors.index(0)?.irq() != 0);
    check!(vectors.index(1).err() == Some(EINVAL));
    drop(vectors);
    check!(is_free(pdev));
    Ok(())
}

fn free_says_so(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    probe.register(pdev, vectors.index(0)?)?.until_unbind();
    check!(vectors.free().is_ok());
    check!(probe.dropped() == 1);
    check!(is_free(pdev));
    // An INTx guard has nothing to free, and does not free what is there.
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    check!(line.free().is_ok());
    check!(vectors.index(0).is_ok());
    Ok(())
}

fn second_allocation_is_busy(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    for types in [msi(), intx(), IrqTypes::all()] {
        check!(is_busy(pdev.alloc_irq_vectors(1, 1, types)));
        check!(is_busy(pdev.pcim_alloc_irq_vectors(1, 1, types)));
    }
    // The first allocation has not changed.
    check!(vectors.index(0)?.irq() != 0);
    drop(vectors);
    check!(is_free(pdev));
    Ok(())
}

fn bad_arguments(pdev: &Device<'_>) -> Result {
    let errno = |min, max, types| pdev.alloc_irq_vectors(min, max, types).err();

    check!(errno(2, 1, msi()) == Some(ERANGE));
    check!(errno(0, 0, msi()) == Some(EINVAL));
    check!(errno(64, 64, msi()) == Some(ENOSPC));
    check!(errno(2, 2, intx()) == Some(ENOSPC));
    check!(errno(1, 1, IrqTypes::default()) == Some(ENOSPC));
    check!(is_free(pdev));
    Ok(())
}

fn intx_guard_frees_nothing(pdev: &Device<'_>) -> Result {
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    check!(line.irq_type() == IrqType::Intx);
    let irq = line.index(0)?.irq();

    // The guard of the INTx line neither reads nor frees vectors that were allocated later.
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    check!(vectors.index(0)?.irq() != irq);
    check!(line.index(0)?.irq() == irq);
    drop(line);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msi())));
    check!(vectors.index(0).is_ok());
    Ok(())
}

fn handler_runs_until_its_handle_is_dropped(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let handle = probe.register(pdev, vectors.index(0)?)?;
    check!(probe.interrupts()?);
    check!(probe.dropped() == 0);
    drop(handle);
    check!(probe.dropped() == 1);
    check!(probe.stays_silent()?);
    Ok(())
}

fn guard_releases_handlers_first(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    probe.register(pdev, vectors.index(0)?)?.until_unbind();
    check!(probe.interrupts()?);
    drop(vectors);
    check!(probe.dropped() == 1);
    check!(is_free(pdev));
    Ok(())
}

fn second_handler_is_busy(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let first = probe.register(pdev, vectors.index(0)?)?;
    let second = probe.register(pdev, vectors.index(0)?);
    check!(is_busy(second));
    check!(probe.dropped() == 1);
    check!(probe.interrupts()?);
    drop(first);
    check!(probe.dropped() == 2);
    Ok(())
}

fn failed_handler_leaves_nothing(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let failed = vectors.index(0)?.request::<Counter<'_>>(
        pdev,
        Flags::TRIGGER_NONE,
        c"ownership_test",
        Err::<Counter<'_>, _>(EIO),
    );
    check!(failed.err() == Some(EIO));
    Ok(())
}

fn vectors_are_counted_before(pdev: &Device<'_>) -> Result {
    check!(pdev.irq_vector_count(IrqType::Msi)? == 1);
    check!(pdev.irq_vector_count(IrqType::Intx)? == 1);
    check!(pdev.irq_vector_count(IrqType::MsiX).err() == Some(EINVAL));
    Ok(())
}

fn added_vector_needs_msix(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    check!(vectors.add_vector(None).err() == Some(ENOTSUPP));
    drop(vectors);
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    check!(line.add_vector(None).err() == Some(ENOTSUPP));
    Ok(())
}

fn bad_bars_are_refused(pdev: &Device<'_>) -> Result {
    let managed = pdev.pcim_enable_device()?;
    check!(managed.iomap_region(99, c"ownership_test").err() == Some(EINVAL));
    // The BAR has one MiB.
    let short = managed.iomap_region_sized::<0x20_0000>(0, c"ownership_test");
    check!(short.err() == Some(EINVAL));
    check!(managed.iomap_range(0, 0x10_0000, 1).err() == Some(EINVAL));
    check!(managed.iomap_range(0, usize::MAX, 2).err() == Some(EINVAL));
    check!(managed.iomap_range(0, 0, 0).err() == Some(EINVAL));
    check!(managed.iomap_range(1, 0, 4).err() == Some(EINVAL));
    Ok(())
}

fn bar_regions_are_exclusive(pdev: &Device<'_>) -> Result {
    let managed = pdev.pcim_enable_device()?;
    check!(is_busy(managed.iomap_region(0, c"ownership_test")));
    check!(is_busy(managed.request_region(0, c"ownership_test")));
    // A mapping that does not request the region succeeds.
    check!(managed.iomap_range(0, 0, 4)?.try_read32(0)? & 0xff == 0xed);
    Ok(())
}

/// The binding registers a handler at any time, and its handle can be kept beside the guard.
fn later_handler_lives_beside_its_guard(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let binding = pdev.binding()?;
    for _ in 0..3 {
        let vectors = binding.alloc_irq_vectors(1, 1, msi())?;
        let handle = probe.register_later(binding, vectors.index(0)?)?;
        check!(probe.interrupts()?);
        let kept = (vectors, handle);
        // Dropping the guard releases the handler, so the calls of the handle fail.
        drop(kept.0);
        check!(kept.1.handler().err() == Some(ENODEV));
        check!(kept.1.synchronize().err() == Some(ENODEV));
        check!(kept.1.disable().err() == Some(ENODEV));
        check!(kept.1.enable().err() == Some(ENODEV));
        check!(is_free(pdev));
    }
    check!(probe.dropped() == 3);
    Ok(())
}

fn handle_gives_its_handler(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let handle = probe.register_later(pdev.binding()?, vectors.index(0)?)?;
    let handler = handle.handler()?;
    check!(probe.interrupts()?);
    check!(handler.calls.load(Relaxed) == probe.calls.load(Relaxed));
    // The handler is dropped with its last reference. It does not run any more.
    drop(vectors);
    check!(probe.dropped() == 0);
    check!(handler.dropped.load(Relaxed) == 0);
    drop(handler);
    check!(probe.dropped() == 1);
    Ok(())
}

fn vector_is_disabled_and_enabled(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let handle = probe.register(pdev, vectors.index(0)?)?;
    handle.synchronize()?;
    check!(probe.interrupts()?);
    // Disabling twice has the same effect as disabling once.
    handle.disable()?;
    handle.disable()?;
    check!(probe.stays_silent()?);
    handle.enable()?;
    handle.enable()?;
    check!(probe.interrupts()?);
    // A handler that is released while its interrupt is disabled leaves nothing behind.
    handle.disable()?;
    drop(handle);
    let handle = probe.register(pdev, vectors.index(0)?)?;
    check!(probe.interrupts()?);
    drop(handle);

    let flags = Flags::NO_AUTOEN;
    let request = vectors.index(0)?;
    let handle = request.request(pdev, flags, c"ownership_test", Ok(probe.handler()))?;
    check!(probe.stays_silent()?);
    handle.enable()?;
    check!(probe.interrupts()?);
    Ok(())
}

fn handler_that_runs_is_waited_for(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    for disable in [false, true] {
        let runs = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let handler = Ok(Slow {
            counter: probe.handler(),
            runs: runs.clone(),
        });
        let vector = vectors.index(0)?;
        let handle = vector.request_threaded(pdev, Flags::ONESHOT, c"ownership_test", handler)?;
        let before = probe.calls.load(Relaxed);
        probe.bar.try_write32(1, IRQ_RAISE)?;
        kernel::io::poll::read_poll_timeout(
            || Ok(runs.load(Relaxed)),
            |runs| *runs != 0,
            Delta::from_micros(100),
            Delta::from_secs(10),
        )?;
        if disable {
            handle.disable()?;
        } else {
            handle.synchronize()?;
        }
        // The thread counts at its end. It may have run twice, because a message that the device
        // sent in an earlier case may still be on its way to another CPU.
        check!(probe.calls.load(Relaxed) > before);
    }
    Ok(())
}

fn shared_interrupt_is_not_disabled(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    let handler = Ok(probe.handler());
    let handle = line
        .index(0)?
        .request(pdev, Flags::SHARED, c"ownership_test", handler)?;
    check!(handle.disable().err() == Some(EINVAL));
    check!(handle.enable().err() == Some(EINVAL));
    check!(handle.synchronize().is_ok());
    Ok(())
}

fn affinity_is_a_hint(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let handle = probe.register(pdev, vectors.index(0)?)?;
    let mut mask = CpumaskVar::new_zero(GFP_KERNEL)?;
    // A hint without any CPU has no effect.
    handle.set_affinity_hint(&mask)?;
    mask.set(CpuId::from_u32(0).ok_or(EINVAL)?);
    handle.set_affinity_hint(&mask)?;
    drop(mask);
    check!(probe.interrupts()?);
    Ok(())
}

fn names_are_made_at_run_time(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    for queue in 0..3 {
        let name = CString::try_from_fmt(fmt!("ownership_test-rx-{}", queue))?;
        let handler = Ok(probe.handler());
        let handle = vectors
            .index(0)?
            .request(pdev, Flags::TRIGGER_NONE, &name, handler)?;
        // The handler has a copy of the registers.
        drop(name);
        check!(probe.interrupts()?);
        drop(handle);
    }
    Ok(())
}

/// Requests that the core would warn about fail.
fn bad_requests_are_refused(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    let errno = |flags, name: &CStr| -> Result<Option<Error>> {
        let handler = Ok(probe.handler());
        Ok(vectors.index(0)?.request(pdev, flags, name, handler).err())
    };
    for name in [c"", c".", c"..", c"a/b", c"/", c"spurious", c"smp_affinity"] {
        check!(errno(Flags::TRIGGER_NONE, name)? == Some(EINVAL));
    }
    for flags in [
        Flags::ONESHOT,
        Flags::SHARED | Flags::NO_SUSPEND,
        Flags::SHARED | Flags::FORCE_RESUME,
        Flags::SHARED | Flags::NO_AUTOEN,
        Flags::PERCPU,
    ] {
        check!(errno(flags, c"ownership_test")? == Some(EINVAL));
    }
    check!(errno(Flags::TRIGGER_NONE, c"...")?.is_none());
    Ok(())
}

fn managed_vectors_are_freed_early(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let binding = pdev.binding()?;
    for round in 1..=3 {
        let vectors = binding.pcim_alloc_irq_vectors(1, 1, msi())?;
        probe.register(pdev, vectors.index(0)?)?.until_unbind();
        check!(probe.interrupts()?);
        let copy = vectors;
        let vector = copy.index(0)?;
        check!(vectors.free().is_ok());
        check!(probe.dropped() == round);
        // The other copy finds that its vectors are gone.
        check!(copy.index(0).err() == Some(ENODEV));
        check!(copy.free().is_ok());
        let stale = vector.request(pdev, Flags::SHARED, c"ownership_test", Ok(Quiet));
        check!(stale.err() == Some(ENODEV));
        check!(is_free(pdev));
    }
    Ok(())
}

/// x86 maps the line when the device is enabled, unless it has other vectors at that time.
fn intx_is_refused_unless_mapped(pdev: &Device<'_>) -> Result {
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    check!(line.index(0)?.irq() != 0);
    Ok(())
}

fn data_is_lent_while_bound(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let bar = probe.bar;
    let shared = pdev.while_bound::<ForLt!(Interrupts<'_>)>(|lend| {
        let interrupts = try_pin_init!(Interrupts {
            bar: lend.bar(bar)?,
            kept <- new_mutex!(None),
        }? Error);
        KBox::pin_init(interrupts, GFP_KERNEL)
    })?;
    for _ in 0..2 {
        shared.with(|binding, interrupts| -> Result {
            let vectors = binding.alloc_irq_vectors(1, 1, msi())?;
            let handle = binding.request::<CovariantForLt!(Counter<'_>)>(
                vectors.index(0)?,
                Flags::TRIGGER_NONE,
                c"ownership_test",
                |lend| {
                    Ok(Counter {
                        bar: lend.bar(interrupts.bar)?,
                        calls: probe.calls.clone(),
                        dropped: probe.dropped.clone(),
                    })
                },
            )?;
            *interrupts.kept.lock() = Some((handle, vectors));
            Ok(())
        })??;
        check!(probe.interrupts()?);
        check!(is_busy(pdev.alloc_irq_vectors(1, 1, msi())));
        shared.with(|_, interrupts| drop(interrupts.kept.lock().take()))?;
        check!(is_free(pdev));
    }
    check!(probe.dropped() == 2);
    let device = shared.with(|binding, _| core::ptr::from_ref(binding.device()))?;
    check!(core::ptr::addr_eq(device, pdev));
    // The device keeps the handler, too, until it is unbound.
    drop(shared);
    Ok(())
}

/// The vectors and handlers of an interface that is up.
#[pin_data]
struct Interrupts<'bound> {
    bar: pci::ManagedBar<'bound>,
    #[pin]
    kept: Mutex<
        Option<(
            pci::IrqHandle<'bound, Counter<'bound>>,
            pci::IrqVectorRegistration<'bound>,
        )>,
    >,
}

fn forgotten_handle_keeps_its_handler(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    forget(probe.register(pdev, vectors.index(0)?)?);
    check!(probe.interrupts()?);
    // The guard knows of the handler although its handle was forgotten.
    drop(vectors);
    check!(probe.dropped() == 1);
    check!(is_free(pdev));
    Ok(())
}

/// The last explicit case, after which no other allocation is possible.
fn forgotten_guard_keeps_its_vectors(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    forget(probe.register(pdev, vectors.index(0)?)?);
    forget(vectors);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msi())));
    check!(probe.interrupts()?);
    Ok(())
}

/// This is a last case after which there are no vectors.
fn nothing_kept(pdev: &Device<'_>) -> Result {
    check!(is_free(pdev));
    Ok(())
}

/// The last managed case: the device keeps the vectors until it is unbound.
fn managed_kept_until_unbind(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, msi())?;
    check!(vectors.len() == 1);
    check!(vectors.irq_type() == IrqType::Msi);
    check!(vectors.index(1).err() == Some(EINVAL));
    let copy = vectors;
    probe.register(pdev, copy.index(0)?)?.until_unbind();
    check!(probe.interrupts()?);
    for types in [msi(), intx(), IrqTypes::all()] {
        check!(is_busy(pdev.alloc_irq_vectors(1, 1, types)));
        check!(is_busy(pdev.pcim_alloc_irq_vectors(1, 1, types)));
    }
    check!(probe.dropped() == 0);
    Ok(())
}

/// This is another last case: the vectors of the driver and their handler pass to the device.
fn converted_kept_until_unbind(pdev: &Device<'_>) -> Result {
    let probe = Probe::new(pdev)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msi())?;
    probe.register(pdev, vectors.index(0)?)?.until_unbind();
    let irq = vectors.index(0)?.irq();
    let managed = vectors.into_managed().map_err(|(e, _)| e)?;
    check!(managed.len() == 1);
    check!(managed.index(0)?.irq() == irq);
    check!(probe.interrupts()?);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msi())));
    check!(probe.dropped() == 0);
    Ok(())
}

type Case = (&'static str, fn(&Device<'_>) -> Result);

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name as fn(&Device<'_>) -> Result)),*]
    };
}

/// These register no handler, and need no MSI.
const ANYWHERE: &[Case] = cases![
    bad_bars_are_refused,
    bar_regions_are_exclusive,
    vectors_are_counted_before,
    intx_is_refused_unless_mapped,
];

const ON_INTX: &[Case] = cases![shared_interrupt_is_not_disabled];

const ON_MSI: &[Case] = cases![
    explicit_freed_on_drop,
    free_says_so,
    second_allocation_is_busy,
    bad_arguments,
    intx_guard_frees_nothing,
    handler_runs_until_its_handle_is_dropped,
    guard_releases_handlers_first,
    second_handler_is_busy,
    failed_handler_leaves_nothing,
    forgotten_handle_keeps_its_handler,
    added_vector_needs_msix,
    later_handler_lives_beside_its_guard,
    handle_gives_its_handler,
    vector_is_disabled_and_enabled,
    handler_that_runs_is_waited_for,
    affinity_is_a_hint,
    names_are_made_at_run_time,
    bad_requests_are_refused,
    managed_vectors_are_freed_early,
    data_is_lent_while_bound,
];

/// Each bind ends with the next of these cases.
const LAST: &[Case] = cases![
    nothing_kept,
    managed_kept_until_unbind,
    forgotten_guard_keeps_its_vectors,
    converted_kept_until_unbind,
];

static BINDS: Atomic<u32> = Atomic::new(0);

struct TestDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    <TestDriver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

/// Driver data with a managed BAR, which the device releases, and a handle. The driver may release
/// its handler.
struct TestData<'bound> {
    pdev: &'bound pci::Device,
    bar: pci::ManagedBar<'bound, 4>,
    _handle: Option<pci::IrqHandle<'bound, Counter<'bound>>>,
}

impl pci::Driver for TestDriver {
    type IdInfo = ();
    type Data<'bound> = TestData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound Device<'_>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bar = pdev
            .pcim_enable_device()?
            .iomap_region_sized(0, c"ownership_test")?;

        let bind = BINDS.fetch_add(1, Relaxed) as usize;
        let last = LAST.get(bind % LAST.len());
        let no_intx = (!module_parameters::intx.value()).then_some("the INTx line is left alone");
        let no_msi = (!module_parameters::msi.value()).then_some("this machine has no MSI");
        let cases = [
            (ANYWHERE, None),
            (ON_INTX, no_intx),
            (ON_MSI, no_msi),
            (last.map_or(&[][..], core::slice::from_ref), no_msi),
        ];

        pr_info!("KTAP version 1\n");
        pr_info!("1..1\n");
        pr_info!("    KTAP version 1\n");
        pr_info!("    # Subtest: rust_ownership_bind_{}\n", bind);
        let count: usize = cases.iter().map(|(cases, _)| cases.len()).sum();
        pr_info!("    1..{}\n", count);
        let mut failed = 0;
        let cases = cases
            .iter()
            .flat_map(|(cases, skip)| cases.iter().map(move |case| (case, skip)));
        for (i, ((name, case), skip)) in cases.enumerate() {
            if let Some(why) = skip {
                pr_info!("    ok {} {} # SKIP {}\n", i + 1, name, why);
                continue;
            }
            match case(pdev) {
                Ok(()) => pr_info!("    ok {} {}\n", i + 1, name),
                Err(e) => {
                    failed += 1;
                    pr_info!("    # {:?}\n", e);
                    pr_info!("    not ok {} {}\n", i + 1, name);
                }
            }
        }
        let not = if failed == 0 { "" } else { "not " };
        pr_info!("{}ok 1 rust_ownership_bind_{}\n", not, bind);

        // If the last case left no vectors, there can be some whose handler driver data releases.
        let handle = match pdev.pcim_alloc_irq_vectors(1, 1, msi()) {
            Ok(vectors) => {
                let probe = Probe::new(pdev)?;
                Some(probe.register(pdev, vectors.index(0)?)?)
            }
            Err(_) => None,
        };

        Ok(TestData {
            pdev,
            bar,
            _handle: handle,
        })
    }
}

impl Drop for TestData<'_> {
    fn drop(&mut self) {
        // The BAR is still mapped, although the handlers are gone.
        dev_info!(self.pdev, "unbound, id {:#x}\n", self.bar.read32(0));
    }
}

kernel::module_pci_driver! {
    type: TestDriver,
    name: "rust_pci_ownership_test",
    authors: ["PCI devres in Rust developers"],
    description: "Test of PCI interrupt-vector ownership in Rust",
    license: "GPL v2",
    params: {
        intx: bool {
            default: true,
            description: "Request handlers for the INTx line (default), or leave it alone",
        },
        msi: bool {
            default: true,
            description: "The machine has MSI (default), or it has not",
        },
    },
}
