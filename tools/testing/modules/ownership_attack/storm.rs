// SPDX-License-Identifier: GPL-2.0

//! All tasks make any call at any time, until the driver is unbound. Whatever they called, the next
//! bind must find a device without vectors.

use super::*;
use kernel::workqueue;

/// The number of calls that each work item makes at most.
const ROUNDS: u32 = if cfg!(CONFIG_KASAN) { 2_000 } else { 20_000 };

type Handle<'bound> = IrqHandle<'bound, Acknowledge<'bound>>;

/// The values that the work items share, and take from each other.
#[pin_data]
pub(crate) struct Storm<'bound> {
    hardware: Hardware<'bound>,
    #[pin]
    guard: Mutex<Option<Arc<IrqVectorRegistration<'bound>>>>,
    #[pin]
    managed: Mutex<Option<pci::ManagedIrqVectors<'bound>>>,
    #[pin]
    handles: Mutex<KVec<Arc<Handle<'bound>>>>,
}

pub(crate) type Shared = pci::WhileBound<ForLt!(Storm<'_>)>;

/// The calls. Each must succeed at least once.
const CALLS: [&str; 10] = [
    "alloc", "manage", "guard", "free", "request", "release", "disable", "hint", "add", "remove",
];

static SUCCEEDED: [Atomic<u32>; CALLS.len()] = [const { Atomic::new(0) }; CALLS.len()];

/// Pseudo-random numbers.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % sides
    }
}

impl<'a> Storm<'a> {
    fn is_free(&self) -> bool {
        self.guard.lock().is_none() && self.managed.lock().is_none()
    }

    /// Registers a handler for a vector; several may be there, of which the second is refused.
    fn request(
        &self,
        binding: pci::Binding<'a>,
        vector: pci::IrqVector<'_, impl Copy>,
        dice: &mut Dice,
    ) -> Result {
        let flags = [Flags::TRIGGER_NONE, Flags::SHARED][dice.roll(2)] | Flags::PROBE_SHARED;
        let (kind, bar) = (self.hardware.kind, self.hardware.bar);
        let handle = if dice.roll(2) == 0 {
            binding.request::<CovariantForLt!(Acknowledge<'_>)>(
                vector,
                flags,
                c"storm",
                |lend| {
                    let bar = lend.bar(bar)?;
                    Ok(Acknowledge(Hardware { kind, bar }))
                },
            )?
        } else {
            binding.request_threaded::<CovariantForLt!(Acknowledge<'_>)>(
                vector,
                flags,
                c"storm",
                |lend| {
                    let bar = lend.bar(bar)?;
                    Ok(Acknowledge(Hardware { kind, bar }))
                },
            )?
        };
        if dice.roll(4) == 0 {
            handle.until_unbind();
            return Ok(());
        }
        let handle = Arc::new(handle, GFP_KERNEL)?;
        let mut handles = self.handles.lock();
        if handles.len() < 8 {
            handles.push(handle, GFP_KERNEL)?;
        } else {
            drop(handles);
            drop(handle);
        }
        Ok(())
    }

    fn handle(&self, dice: &mut Dice) -> Result<Arc<Handle<'a>>> {
        let handles = self.handles.lock();
        let handle = handles.get(dice.roll(handles.len().max(1)));
        handle.cloned().ok_or(ENOENT)
    }

    fn call(&self, binding: pci::Binding<'a>, call: &str, dice: &mut Dice) -> Result {
        let n = 1 + dice.roll(5) as u32;
        match call {
            "alloc" if self.is_free() => {
                let guard = binding.alloc_irq_vectors(1, n, messages())?;
                let guard = Arc::new(guard, GFP_KERNEL)?;
                let old = self.guard.lock().replace(guard);
                drop(old);
            }
            "manage" if self.is_free() => {
                let managed = binding.pcim_alloc_irq_vectors(1, n, messages())?;
                *self.managed.lock() = Some(managed);
            }
            "guard" => {
                let guard = self.guard.lock().take().ok_or(ENOENT)?;
                // Another task may be using it.
                drop(guard);
            }
            "free" => {
                let mut managed = self.managed.lock();
                let vectors = managed.ok_or(ENOENT)?;
                // Copies of it stay from time to time.
                if dice.roll(4) != 0 {
                    *managed = None;
                }
                drop(managed);
                vectors.index(0)?;
                vectors.free()?;
            }
            "request" => {
                let index = dice.roll(6);
                let guard = self.guard.lock().clone();
                if let Some(guard) = guard {
                    self.request(binding, guard.index(index)?, dice)?;
                } else {
                    let managed = *self.managed.lock();
                    let vector = managed.ok_or(ENOENT)?.index(index)?;
                    self.request(binding, vector, dice)?;
                }
            }
            "release" => {
                let handle = self.handles.lock().pop().ok_or(ENOENT)?;
                let handler = handle.handler();
                let _ = handler.map(|handler| handler.0.acknowledge());
                drop(handle);
            }
            "disable" => {
                let handle = self.handle(dice)?;
                if self.hardware.kind == Kind::Edu {
                    self.hardware.raise()?;
                }
                handle.synchronize()?;
                handle.disable()?;
                self.hardware.acknowledge();
                handle.enable()?;
            }
            "hint" => {
                let mut mask = CpumaskVar::new_zero(GFP_KERNEL)?;
                mask.set(CpuId::from_u32(dice.roll(2) as u32).ok_or(EINVAL)?);
                self.handle(dice)?.set_affinity_hint(&mask)?;
            }
            "add" => {
                let managed = *self.managed.lock();
                let managed = managed.ok_or(ENOENT)?;
                let vector = managed.add_vector(Some(1 + dice.roll(4)))?;
                vector.affinity()?;
                self.request(binding, vector, dice)?;
            }
            "remove" => {
                let managed = *self.managed.lock();
                managed.ok_or(ENOENT)?.remove_vector(1 + dice.roll(4))?;
            }
            _ => return Err(EAGAIN),
        }
        Ok(())
    }
}

/// The number of work items for each of the two devices.
static RUNNING: [Atomic<u32>; 2] = [const { Atomic::new(0) }; 2];

/// Two work items for a device, each on a CPU of its own.
pub(crate) fn begin(pdev: &Device<'_>, hardware: &Hardware<'_>) -> Result {
    let kind = hardware.kind;
    let shared: Arc<Shared> = pdev.while_bound(|lend| {
        let storm = try_pin_init!(Storm {
            hardware: hardware.lend(lend)?,
            guard <- new_mutex!(None),
            managed <- new_mutex!(None),
            handles <- new_mutex!(KVec::new()),
        }? Error);
        KBox::pin_init(storm, GFP_KERNEL)
    })?;
    let running = &RUNNING[kind as usize];
    for item in 1..=2 {
        let shared = shared.clone();
        let mut dice = Dice(u32::from(kind.name().as_bytes()[1]) << 8 | item);
        running.add(1, Relaxed);
        let spawned = workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            for _ in 0..ROUNDS {
                let call = dice.roll(CALLS.len());
                let result =
                    shared.with(|binding, storm| storm.call(binding, CALLS[call], &mut dice));
                match result {
                    Ok(Ok(())) => SUCCEEDED[call].add(1, Relaxed),
                    // Another task is about to free them. Each refusal is reported.
                    Ok(Err(e)) if e == EBUSY => fsleep(Delta::from_millis(1)),
                    Ok(Err(_)) => (),
                    // The driver is not bound any more.
                    Err(_) => break,
                }
            }
            drop(shared);
            running.fetch_sub(1, Relaxed);
        });
        if spawned.is_err() {
            running.fetch_sub(1, Relaxed);
        }
        spawned?;
    }
    Ok(())
}

/// Waits for the work items, whose code is unloaded with the module, and prints how often each call
/// has succeeded.
pub(crate) struct Wait(pub(crate) Option<Kind>);

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(kind) = self.0 else { return };
        while RUNNING[kind as usize].load(Relaxed) != 0 {
            fsleep(Delta::from_millis(1));
        }
        fsleep(Delta::from_millis(20));
        for (call, succeeded) in CALLS.iter().zip(&SUCCEEDED) {
            pr_info!("storm: {} {}\n", call, succeeded.load(Relaxed));
        }
    }
}
