// SPDX-License-Identifier: GPL-2.0

//! Cases for any device with MSI-X.

use super::{
    check,
    count,
    intx,
    is_busy,
    is_free,
    msix,
    seen::Seen,
    Device, //
};
use core::{
    mem::forget,
    ops::Deref, //
};
use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    pci::{
        IrqAffinity,
        IrqType,
        IrqTypes, //
    },
    prelude::*, //
};

/// The first case runs before the device is enabled, because vectors do not depend on that.
pub(crate) fn not_enabled(pdev: &Device<'_>) -> Result {
    check!(pdev.alloc_irq_vectors(1, 1, msix())?.free().is_ok());
    check!(is_free(pdev));
    pdev.pcim_enable_device()?;
    pdev.set_master();
    Ok(())
}

pub(crate) fn every_vector(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    check!(vectors.len() == n as usize);
    check!(vectors.irq_type() == IrqType::MsiX);
    for i in 0..vectors.len() {
        for j in 0..i {
            check!(vectors.index(i)?.irq() != vectors.index(j)?.irq());
        }
    }
    check!(vectors.index(n as usize).err() == Some(EINVAL));
    check!(vectors.free().is_ok());
    check!(is_free(pdev));

    // If more vectors are asked for than exist, all are allocated.
    check!(pdev.alloc_irq_vectors(1, n + 10, msix())?.len() == n as usize);
    Ok(())
}

pub(crate) fn bad_arguments(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let message = IrqTypes::default().with(IrqType::Msi);
    let table = [
        (0, 0, msix(), EINVAL),
        (2, 1, msix(), ERANGE),
        (n + 1, n + 1, msix(), ENOSPC),
        (u32::MAX, u32::MAX, msix(), ENOSPC),
        (1, 1, IrqTypes::default(), ENOSPC),
        (2, 2, intx(), ENOSPC),
        // Neither device has MSI.
        (1, 1, message, EINVAL),
    ];
    for (min, max, types, errno) in table {
        check!(pdev.alloc_irq_vectors(min, max, types).err() == Some(errno));
        check!(pdev.pcim_alloc_irq_vectors(min, max, types).err() == Some(errno));
    }
    check!(pdev.irq_vector_count(IrqType::Msi).err() == Some(EINVAL));

    // More vectors that are not to be spread than there are vectors.
    let affinity = IrqAffinity {
        pre_vectors: n + 1,
        ..Default::default()
    };
    let binding = pdev.binding()?;
    let spread = binding.alloc_irq_vectors_affinity(1, n, msix(), affinity);
    check!(spread.err() == Some(ENOSPC));
    check!(is_free(pdev));
    Ok(())
}

pub(crate) fn second_allocation_is_busy(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    for types in [msix(), intx(), IrqTypes::all()] {
        check!(is_busy(pdev.alloc_irq_vectors(1, 1, types)));
        check!(is_busy(pdev.pcim_alloc_irq_vectors(1, 1, types)));
    }
    check!(vectors.index(n as usize - 1)?.irq() != 0);
    Ok(())
}

pub(crate) fn intx_guard_frees_nothing(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    let irq = line.index(0)?.irq();
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    check!(line.index(0)?.irq() == irq);
    check!(line.index(1).err() == Some(EINVAL));
    drop(line);
    check!(vectors.index(n as usize - 1)?.irq() != irq);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msix())));
    Ok(())
}

pub(crate) fn handler_on_every_vector(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    seen.register_all(pdev, &vectors)?;
    check!(seen.dropped() == 0);
    // There is a handler already, and MSI-X vectors are not shared.
    check!(is_busy(seen.register(pdev, vectors.index(0)?)));
    check!(seen.dropped() == 1);
    drop(vectors);
    check!(seen.dropped() == n + 1);
    check!(is_free(pdev));
    Ok(())
}

pub(crate) fn one_of_many_released_early(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    let early = seen.register(pdev, vectors.index(n as usize - 1)?)?;
    for i in 0..n as usize - 1 {
        seen.register(pdev, vectors.index(i)?)?.until_unbind();
    }
    drop(early);
    check!(seen.dropped() == 1);
    // The vector can get another handler.
    let handle = seen.register(pdev, vectors.index(n as usize - 1)?)?;
    handle.until_unbind();
    check!(vectors.free().is_ok());
    check!(seen.dropped() == n + 1);
    Ok(())
}

pub(crate) fn threaded_handlers(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    for i in 0..vectors.len() {
        seen.register_threaded(pdev, vectors.index(i)?)?
            .until_unbind();
    }
    drop(vectors);
    check!(seen.dropped() == n);
    check!(is_free(pdev));
    Ok(())
}

/// Checks that every CPU belongs to one of `n` vectors, not counting the first.
fn every_cpu_has_one(
    n: usize,
    mut affinity: impl FnMut(usize) -> Result<Option<kernel::cpumask::CpumaskVar>>,
) -> Result {
    let mut covered = 0;
    for cpu in 0..nr_cpu_ids() {
        let cpu = CpuId::from_u32(cpu).ok_or(EINVAL)?;
        for i in 1..n {
            let mask = affinity(i)?.ok_or(EINVAL)?;
            if mask.deref().test(cpu) {
                covered += 1;
                break;
            }
        }
    }
    check!(covered == nr_cpu_ids());
    Ok(())
}

const SPREAD: IrqAffinity = IrqAffinity {
    pre_vectors: 1,
    post_vectors: 0,
};

pub(crate) fn spread_over_every_cpu(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let binding = pdev.binding()?;
    // There is at most one for each CPU, and the one that is not spread.
    let vectors = binding.alloc_irq_vectors_affinity(2, n, msix(), SPREAD)?;
    let spread = vectors.len();
    check!(spread <= 1 + nr_cpu_ids() as usize);
    every_cpu_has_one(spread, |i| vectors.index(i)?.affinity())?;
    seen.register_all(pdev, &vectors)?;
    drop(vectors);
    check!(seen.dropped() as usize == spread);

    // Without an affinity there is no mask.
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    check!(vectors.index(1)?.affinity()?.is_none());
    Ok(())
}

pub(crate) fn added_vectors_go_with_the_others(pdev: &Device<'_>) -> Result {
    let last = count(pdev)? as usize - 1;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(1, 1, msix())?;
    let added = vectors.add_vector(Some(last))?;
    check!(added.irq() == vectors.index(last)?.irq());
    check!(vectors.len() == 1);
    seen.register(pdev, added)?.until_unbind();
    check!(is_busy(vectors.add_vector(Some(last))));
    check!(vectors.add_vector(Some(last + 1)).err() == Some(ERANGE));
    // Add vectors at any index, until none is free.
    for _ in 1..last {
        let added = vectors.add_vector(None)?;
        seen.register(pdev, added)?.until_unbind();
    }
    check!(is_busy(vectors.add_vector(None)));
    check!(vectors.free().is_ok());
    check!(seen.dropped() as usize == last);
    check!(is_free(pdev));
    Ok(())
}

/// A single vector that was added is freed with its handlers, and added again.
pub(crate) fn added_vector_goes_alone(pdev: &Device<'_>) -> Result {
    let last = count(pdev)? as usize - 1;
    let seen = Seen::new()?;
    let mut vectors = pdev.alloc_irq_vectors(1, 1, msix())?;
    seen.register(pdev, vectors.index(0)?)?.until_unbind();
    check!(vectors.remove_vector(0).err() == Some(EINVAL));
    check!(vectors.remove_vector(last).err() == Some(EINVAL));
    for round in 1..=3 {
        let added = vectors.add_vector(Some(last))?;
        seen.register(pdev, added)?.until_unbind();
        check!(vectors.remove_vector(last).is_ok());
        check!(seen.dropped() == round);
        check!(vectors.index(last).err() == Some(EINVAL));
        check!(vectors.index(0)?.irq() != 0);
    }
    check!(vectors.free().is_ok());
    check!(seen.dropped() == 4);

    // This works for managed vectors, too. A vector that was taken before is refused when it is
    // used.
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, msix())?;
    let added = vectors.add_vector(Some(last))?;
    check!(vectors.remove_vector(last).is_ok());
    check!(seen.register(pdev, added).err() == Some(EINVAL));
    check!(vectors.free().is_ok());
    check!(is_free(pdev));
    Ok(())
}

/// One queue is released, and the others stay.
pub(crate) fn one_queue_is_released(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?.min(8);
    let seen = Seen::new()?;
    let binding = pdev.binding()?;
    let vectors = binding.alloc_irq_vectors(n, n, msix())?;
    let mut queues = KVec::new();
    for i in 0..vectors.len() {
        queues.push(seen.register_later(binding, vectors.index(i)?)?, GFP_KERNEL)?;
    }
    // Guard and handles are values of equal rank.
    let mut interrupts = (vectors, queues);
    drop(interrupts.1.remove(1));
    check!(seen.dropped() == 1);
    let again = seen.register_later(binding, interrupts.0.index(1)?)?;
    interrupts.1.push(again, GFP_KERNEL)?;
    drop(interrupts.0);
    check!(seen.dropped() == n + 1);
    drop(interrupts.1);
    check!(is_free(pdev));
    Ok(())
}

/// Only the guard of the vectors owns anything.
pub(crate) fn everything_is_forgotten_but_the_guard(pdev: &Device<'_>) -> Result {
    let seen = Seen::new()?;
    forget(pdev.alloc_irq_vectors(1, 1, intx())?);
    let vectors = pdev.alloc_irq_vectors(1, 1, msix())?;
    forget(vectors.index(0)?);
    forget(vectors.add_vector(None)?);
    forget(seen.register(pdev, vectors.index(0)?)?);
    forget(seen.register_threaded(pdev, vectors.index(1)?)?);
    check!(seen.dropped() == 0);
    check!(vectors.free().is_ok());
    check!(seen.dropped() == 2);
    check!(is_free(pdev));
    Ok(())
}

pub(crate) fn managed_kept_until_unbind(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.pcim_alloc_irq_vectors(n - 1, n - 1, msix())?;
    check!(vectors.len() == n as usize - 1);
    seen.register_all_managed(pdev, vectors)?;
    let added = vectors.add_vector(None)?;
    forget(seen.register(pdev, added)?);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msix())));
    check!(is_busy(pdev.pcim_alloc_irq_vectors(1, 1, intx())));
    check!(seen.dropped() == 0);
    Ok(())
}

pub(crate) fn managed_spread_kept_until_unbind(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let binding = pdev.binding()?;
    let vectors = binding.pcim_alloc_irq_vectors_affinity(2, n, msix(), SPREAD)?;
    every_cpu_has_one(vectors.len(), |i| vectors.index(i)?.affinity())?;
    seen.register_all_managed(pdev, vectors)
}

pub(crate) fn forgotten_guard_keeps_its_vectors(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    seen.register_all(pdev, &vectors)?;
    forget(vectors);
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msix())));
    check!(seen.dropped() == 0);
    Ok(())
}

pub(crate) fn converted_kept_until_unbind(pdev: &Device<'_>) -> Result {
    let n = count(pdev)?;
    let seen = Seen::new()?;
    let vectors = pdev.alloc_irq_vectors(n, n, msix())?;
    forget(seen.register(pdev, vectors.index(0)?)?);
    let irq = vectors.index(n as usize - 1)?.irq();
    let managed = vectors.into_managed().map_err(|(e, _)| e)?;
    check!(managed.index(n as usize - 1)?.irq() == irq);
    for i in 1..managed.len() {
        seen.register(pdev, managed.index(i)?)?.until_unbind();
    }
    check!(is_busy(pdev.alloc_irq_vectors(1, 1, msix())));
    check!(seen.dropped() == 0);
    Ok(())
}

/// The machine was booted with `pci=nomsi`.
pub(crate) fn without_messages(pdev: &Device<'_>) -> Result {
    let messages = msix().with(IrqType::Msi);
    check!(pdev.alloc_irq_vectors(1, 1, messages).err() == Some(EINVAL));
    check!(pdev.pcim_alloc_irq_vectors(1, 1, messages).err() == Some(EINVAL));
    // Only INTx is left, once its line is mapped. It owns nothing.
    check!(pdev.alloc_irq_vectors(1, 4, IrqTypes::all()).is_err());
    let _enabled = pdev.pcim_enable_device()?;
    let line = pdev.alloc_irq_vectors(1, 4, IrqTypes::all())?;
    check!(line.irq_type() == IrqType::Intx);
    check!(line.len() == 1);
    let managed = pdev.pcim_alloc_irq_vectors(1, 4, IrqTypes::all())?;
    check!(managed.irq_type() == IrqType::Intx);
    check!(line.add_vector(None).err() == Some(ENOTSUPP));
    check!(line.free().is_ok());
    check!(managed.index(0)?.irq() != 0);
    Ok(())
}
