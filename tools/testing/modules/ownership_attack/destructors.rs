// SPDX-License-Identifier: GPL-2.0

//! Tests closures and destructors that call back, and values that keep each other.

use super::*;

/// The number of faults since the last bind of either device, in places that cannot return a
/// result.
static WRONG: [Atomic<u32>; 2] = [const { Atomic::new(0) }; 2];
/// The number of counted handlers of either device.
static HANDLERS: [Atomic<i32>; 2] = [const { Atomic::new(0) }; 2];

fn last_unbind_was_right<'c>(_pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    check!(WRONG[hardware.kind as usize].xchg(0, Relaxed) == 0);
    check!(HANDLERS[hardware.kind as usize].load(Relaxed) == 0);
    Ok(())
}

/// A counted handler, which keeps the value that keeps its handle.
struct Counted<'c> {
    kind: Kind,
    lent: Arc<Den>,
    _bar: PhantomData<&'c ()>,
}

impl<'c> Counted<'c> {
    fn new(kind: Kind, lent: &Arc<Den>) -> Self {
        HANDLERS[kind as usize].add(1, Relaxed);
        Self {
            kind,
            lent: lent.clone(),
            _bar: PhantomData,
        }
    }
}

impl irq::Handler for Counted<'_> {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        HANDLERS[self.kind as usize].add(-1, Relaxed);
        // Take the next handler's handle, if there is one, and release it.
        let lent = &self.lent;
        let _ = lent.with(|_, lair| {
            let next = lair.kept.lock().pop();
            drop(next);
        });
    }
}

/// Data that keeps values of any kind, also itself.
#[pin_data(PinnedDrop)]
struct Lair<'bound> {
    kind: Kind,
    #[pin]
    binding: Mutex<Option<pci::Binding<'bound>>>,
    #[pin]
    kept: Mutex<KVec<IrqHandle<'bound, Counted<'bound>>>>,
    #[pin]
    guard: Mutex<Option<IrqVectorRegistration<'bound>>>,
    #[pin]
    own: Mutex<Option<Arc<Den>>>,
}

type Den = pci::WhileBound<ForLt!(Lair<'_>)>;

#[pinned_drop]
impl PinnedDrop for Lair<'_> {
    /// The driver is being detached, so nothing can be allocated any more.
    fn drop(self: Pin<&mut Self>) {
        let binding = *self.binding.lock();
        let own = self.own.lock().take();
        let (Some(binding), Some(own)) = (binding, own) else {
            return;
        };
        let wrong = |is_right: bool| WRONG[self.kind as usize].add((!is_right).into(), Relaxed);
        wrong(own.with(|_, _| ()).err() == Some(ENODEV));
        wrong(binding.alloc_irq_vectors(1, 1, messages()).err() == Some(ENODEV));
        wrong(binding.pcim_alloc_irq_vectors(1, 1, messages()).err() == Some(ENODEV));
        if let Some(guard) = self.guard.lock().take() {
            let added = guard.add_vector(None);
            wrong(added.is_err());
            if let Ok(vector) = guard.index(0) {
                let late = binding.request::<CovariantForLt!(Quiet)>(
                    vector,
                    Flags::SHARED,
                    c"late",
                    |_| Ok(Quiet),
                );
                wrong(late.err() == Some(ENODEV));
            }
            wrong(guard.into_managed().is_err_and(|(e, _)| e == ENODEV));
        }
    }
}

fn new_den(pdev: &Device<'_>, kind: Kind) -> Result<Arc<Den>> {
    let den: Arc<Den> = pdev.while_bound(|_| {
        let lair = try_pin_init!(Lair {
            kind,
            binding <- new_mutex!(None),
            kept <- new_mutex!(KVec::new()),
            guard <- new_mutex!(None),
            own <- new_mutex!(None),
        }? Error);
        KBox::pin_init(lair, GFP_KERNEL)
    })?;
    den.with(|binding, lair| {
        *lair.binding.lock() = Some(binding);
        *lair.own.lock() = Some(den.clone());
    })?;
    Ok(den)
}

/// Registers handlers, each of which keeps the value that keeps its handle.
fn fill(den: &Arc<Den>, handlers: usize) -> Result {
    den.with(|binding, lair| -> Result {
        let guard = binding.alloc_irq_vectors(1, 1, messages())?;
        for _ in 0..handlers {
            let handle = binding.request::<CovariantForLt!(Counted<'_>)>(
                guard.index(0)?,
                Flags::SHARED,
                c"den",
                |_| Ok(Counted::new(lair.kind, den)),
            )?;
            lair.kept.lock().push(handle, GFP_KERNEL)?;
        }
        *lair.guard.lock() = Some(guard);
        Ok(())
    })?
}

/// Each handler's destructor releases the next handler, while another task frees the vectors of
/// all.
fn destructors_release_each_other<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let den = new_den(pdev, hardware.kind)?;
    for handlers in [1, 2, 5] {
        fill(&den, handlers)?;
        den.with(|_, lair| {
            let guard = lair.guard.lock().take();
            drop(guard);
        })?;
        check!(HANDLERS[hardware.kind as usize].load(Relaxed) == 0);
        // The remaining handles do nothing.
        den.with(|_, lair| lair.kept.lock().clear())?;
    }
    Ok(())
}

/// The vectors are gone by the time the handler is made.
fn closure_frees_its_vectors<'c>(pdev: &Device<'c>, _hardware: &Hardware<'c>) -> Result {
    let binding = pdev.binding()?;
    for anew in [false, true] {
        let vectors = binding.pcim_alloc_irq_vectors(1, 1, messages())?;
        let mut next = None;
        let request = binding.request::<CovariantForLt!(Quiet)>(
            vectors.index(0)?,
            Flags::TRIGGER_NONE,
            c"attack",
            |_| {
                vectors.free()?;
                if anew {
                    next = Some(binding.alloc_irq_vectors(1, 1, messages())?);
                }
                Ok(Quiet)
            },
        );
        check!(request.err() == Some(ENODEV));
        drop(next);
    }
    Ok(())
}

/// The last case leaves everything behind, in a value that keeps itself.
fn everything_is_kept<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    fill(&new_den(pdev, hardware.kind)?, 3)
}

pub(crate) const CASES: &[Case] = cases![
    last_unbind_was_right,
    destructors_release_each_other,
    closure_frees_its_vectors,
];

pub(crate) const LAST: &[Case] = cases![everything_is_kept];
