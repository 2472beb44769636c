// SPDX-License-Identifier: GPL-2.0

//! Tests vectors and witnesses that are used for the wrong device, or at the wrong time.

use super::*;

/// A vector that was added, removed and added again is another vector.
fn removed_vector_is_no_vector<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    if hardware.kind == Kind::Edu {
        return Ok(());
    }
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, IrqType::MsiX.into())?;
    for index in [1, 4] {
        let added = vectors.add_vector(Some(index))?;
        let stale = vectors.index(index)?;
        check!(added.affinity()?.is_none());
        vectors.remove_vector(index)?;
        check!(stale.affinity().is_err());
        check!(vectors.index(index).is_err());
        check!(vectors.remove_vector(index).is_err());
        let request = stale.request(pdev, Flags::TRIGGER_NONE, c"attack", Ok(Quiet));
        check!(request.err() == Some(EINVAL));
    }
    vectors.free()?;
    Ok(())
}

/// MSI and MSI-X alternate. A guard or witness of one notices the other.
fn kinds_take_turns<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let mut stale = None;
    for round in 0..20 {
        let kind = match hardware.kind {
            Kind::E1000e if round % 2 == 0 => IrqType::MsiX,
            _ => IrqType::Msi,
        };
        let vectors = pdev.pcim_alloc_irq_vectors(1, u32::MAX, kind.into())?;
        if let Some(stale) = stale.replace(vectors) {
            check!(stale.index(0).err() == Some(ENODEV));
            check!(stale.add_vector(None).is_err());
            check!(stale.remove_vector(0).is_err());
            check!(stale.free().is_ok());
        }
        check!(vectors.index(0).is_ok());
        vectors.free()?;
    }
    Ok(())
}

/// INTx is allocated with an affinity, which it cannot have. kmemleak checks for leaks later.
fn line_is_not_spread<'c>(pdev: &Device<'c>, _hardware: &Hardware<'c>) -> Result {
    let binding = pdev.binding()?;
    for _ in 0..200 {
        let spread = IrqAffinity::default();
        let line = binding.alloc_irq_vectors_affinity(1, 1, IrqType::Intx.into(), spread)?;
        check!(line.index(0)?.affinity()?.is_none());
        let line = binding.pcim_alloc_irq_vectors_affinity(1, 1, IrqType::Intx.into(), spread)?;
        check!(line.free().is_ok());
    }
    Ok(())
}

/// The data that the other device lends, whose driver may be bound or not.
static OTHER: SetOnce<Arc<Lent>> = SetOnce::new();

/// The witness of one device does not work for the other.
fn witnesses_do_not_mix<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let Some(other) = OTHER.as_ref() else {
        OTHER.populate(hardware.share(pdev)?);
        return Ok(());
    };
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    let mixed = other.with(|binding, theirs| -> Result {
        check!(theirs.kind != hardware.kind);
        let request = binding.request::<CovariantForLt!(Quiet)>(
            vectors.index(0)?,
            Flags::TRIGGER_NONE,
            c"attack",
            |_| Ok(Quiet),
        );
        check!(request.err() == Some(EINVAL));
        let theirs = binding.alloc_irq_vectors(1, 1, messages())?;
        let request = binding.request::<CovariantForLt!(Acknowledge<'_>)>(
            theirs.index(0)?,
            Flags::TRIGGER_NONE,
            c"attack",
            |lend| {
                Ok(Acknowledge(Hardware {
                    kind: hardware.kind,
                    bar: lend.bar(hardware.bar)?,
                }))
            },
        );
        check!(request.err() == Some(EINVAL));
        let vector = theirs.index(0)?;
        let request = vector.request(pdev, Flags::TRIGGER_NONE, c"attack", Ok(Quiet));
        check!(request.err() == Some(EINVAL));
        Ok(())
    });
    // When the driver is not bound any more, the witness does not work at all.
    mixed.or_else(|e| if e == ENODEV { Ok(Ok(())) } else { Err(e) })?
}

/// A handler whose destructor registers another one, and so on.
struct Hydra<'c> {
    heads: u32,
    lent: Arc<Den>,
    _bar: PhantomData<&'c ()>,
}

impl irq::Handler for Hydra<'_> {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// The vectors of these handlers.
#[pin_data]
struct Lair<'bound> {
    #[pin]
    vectors: Mutex<Option<pci::ManagedIrqVectors<'bound>>>,
}

type Den = pci::WhileBound<ForLt!(Lair<'_>)>;

fn grow(
    binding: pci::Binding<'_>,
    vectors: pci::ManagedIrqVectors<'_>,
    lent: &Arc<Den>,
    heads: u32,
) -> Result {
    let name = CString::try_from_fmt(fmt!("head-{heads}"))?;
    binding
        .request::<CovariantForLt!(Hydra<'_>)>(vectors.index(0)?, Flags::SHARED, &name, |_| {
            Ok(Hydra {
                heads,
                lent: lent.clone(),
                _bar: PhantomData,
            })
        })
        .map(IrqHandle::until_unbind)
}

impl Drop for Hydra<'_> {
    fn drop(&mut self) {
        let Some(heads) = self.heads.checked_sub(1) else {
            return;
        };
        let lent = &self.lent;
        let _ = lent.with(|binding, lair| {
            let vectors = *lair.vectors.lock();
            vectors.map(|vectors| grow(binding, vectors, lent, heads))
        });
    }
}

/// Freeing waits for all of them. When the driver is unbound, no more are registered.
fn destructors_register<'c>(pdev: &Device<'c>, _hardware: &Hardware<'c>) -> Result {
    let den: Arc<Den> = pdev.while_bound(|_| {
        let lair = try_pin_init!(Lair { vectors <- new_mutex!(None) }? Error);
        KBox::pin_init(lair, GFP_KERNEL)
    })?;
    for heads in [3, 0] {
        let grown = den.with(|binding, lair| -> Result {
            let managed = binding.pcim_alloc_irq_vectors(1, 1, messages())?;
            *lair.vectors.lock() = Some(managed);
            grow(binding, managed, &den, heads)?;
            managed.free()
        });
        grown??;
    }
    Ok(())
}

/// genirq itself stops and starts a vector that is spread over CPUs, with its CPUs.
fn spread_vectors_are_not_started_by_drivers<'c>(
    pdev: &Device<'c>,
    hardware: &Hardware<'c>,
) -> Result {
    if hardware.kind == Kind::Edu {
        return Ok(());
    }
    let spread = IrqAffinity::default();
    let binding = pdev.binding()?;
    let vectors = binding.pcim_alloc_irq_vectors_affinity(2, 2, IrqType::MsiX.into(), spread)?;
    let request = vectors
        .index(1)?
        .request(pdev, Flags::NO_AUTOEN, c"attack", Ok(Quiet));
    check!(request.err() == Some(EINVAL));
    let handle = vectors
        .index(1)?
        .request(pdev, Flags::TRIGGER_NONE, c"attack", Ok(Quiet))?;
    check!(handle.synchronize().is_ok());
    check!(handle.disable().err() == Some(EINVAL));
    check!(handle.enable().err() == Some(EINVAL));
    drop(handle);
    vectors.free()
}

/// Only memory BARs can be mapped. Other BARs, and BARs that do not exist, are refused.
fn bars_are_memory_or_refused<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let ports = 2;
    if hardware.kind == Kind::E1000e {
        check!(pdev.iomap_region(ports, c"attack").err() == Some(EINVAL));
    }
    let managed = pdev.pcim_enable_device()?;
    for bar in [4, 5, 7, 17, u32::MAX] {
        check!(managed.request_region(bar, c"attack").err() == Some(EINVAL));
        check!(managed.iomap_region(bar, c"attack").err() == Some(EINVAL));
        check!(pdev.iomap_region(bar, c"attack").is_err());
    }
    Ok(())
}

pub(crate) const CASES: &[Case] = cases![
    removed_vector_is_no_vector,
    kinds_take_turns,
    line_is_not_spread,
    witnesses_do_not_mix,
    destructors_register,
    spread_vectors_are_not_started_by_drivers,
    bars_are_memory_or_refused,
];
