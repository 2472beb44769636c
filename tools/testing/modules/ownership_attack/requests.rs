// SPDX-License-Identifier: GPL-2.0

//! Tests requests with every flag, every name and every affinity. Each is refused or harmless. A
//! warning of the kernel fails the guest.

use super::*;

const FLAGS: [Flags; 17] = [
    Flags::TRIGGER_NONE,
    Flags::TRIGGER_RISING,
    Flags::TRIGGER_FALLING,
    Flags::TRIGGER_HIGH,
    Flags::TRIGGER_LOW,
    Flags::SHARED,
    Flags::TIMER,
    Flags::PERCPU,
    Flags::NOBALANCING,
    Flags::IRQPOLL,
    Flags::ONESHOT,
    Flags::NO_SUSPEND,
    Flags::FORCE_RESUME,
    Flags::NO_THREAD,
    Flags::EARLY_RESUME,
    Flags::COND_SUSPEND,
    Flags::NO_AUTOEN,
];

/// All CPUs, the first one, and none.
fn masks() -> Result<[CpumaskVar; 3]> {
    let mut all = CpumaskVar::new_zero(GFP_KERNEL)?;
    all.setall();
    let mut first = CpumaskVar::new_zero(GFP_KERNEL)?;
    first.set(CpuId::from_u32(0).ok_or(EINVAL)?);
    Ok([all, first, CpumaskVar::new_zero(GFP_KERNEL)?])
}

/// Makes every call of a handle, with interrupts in between.
fn use_handle<H>(handle: &IrqHandle<'_, H>, hardware: &Hardware<'_>) -> Result {
    for mask in &masks()? {
        let _ = handle.set_affinity_hint(mask);
        let _ = handle.enable();
        // QEMU's e1000e crashes if its vectors are freed within 128 us of an interrupt.
        if hardware.kind == Kind::Edu {
            hardware.raise()?;
        }
        let _ = handle.disable();
        hardware.acknowledge();
        let _ = handle.enable();
        handle.synchronize()?;
        check!(handle.handler().is_ok());
    }
    Ok(())
}

/// Registers a handler with `flags`, and another one with `more` beside it.
fn request<'c>(
    pdev: &Device<'c>,
    hardware: &Hardware<'c>,
    vectors: &IrqVectorRegistration<'_>,
    flags: Flags,
    more: Flags,
) -> Result {
    let threaded = |flags| {
        let handler = Ok(Acknowledge(*hardware));
        vectors
            .index(0)?
            .request_threaded(pdev, flags, c"attack", handler)
    };
    let hard = |flags| {
        let handler = Ok(Acknowledge(*hardware));
        vectors.index(0)?.request(pdev, flags, c"attack", handler)
    };
    if let Ok(first) = hard(flags) {
        use_handle(&first, hardware)?;
        if let Ok(second) = threaded(more | Flags::PROBE_SHARED) {
            use_handle(&second, hardware)?;
        }
    }
    if let Ok(first) = threaded(flags) {
        use_handle(&first, hardware)?;
        if let Ok(second) = hard(more | Flags::PROBE_SHARED) {
            use_handle(&second, hardware)?;
        }
    }
    hardware.acknowledge();
    Ok(())
}

fn pairs_of_flags_are_harmless<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    for types in [messages(), IrqType::Intx.into()] {
        let vectors = pdev.alloc_irq_vectors(1, 1, types)?;
        for (i, a) in FLAGS.iter().enumerate() {
            for b in &FLAGS[i..] {
                request(pdev, hardware, &vectors, *a | *b, *b | Flags::SHARED)?;
            }
        }
    }
    Ok(())
}

/// `!` sets bits that have no name, and bits that the core uses internally.
fn other_bits_are_harmless<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    for types in [messages(), IrqType::Intx.into()] {
        let vectors = pdev.alloc_irq_vectors(1, 1, types)?;
        for a in &FLAGS {
            for b in [Flags::ONESHOT, Flags::SHARED, Flags::NO_AUTOEN] {
                request(pdev, hardware, &vectors, !*a & !b, !b)?;
            }
        }
    }
    Ok(())
}

fn any_name_is_harmless<'c>(pdev: &Device<'c>, _hardware: &Hardware<'c>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    let try_name = |name: &[u8]| -> Result {
        let mut bytes = KVec::with_capacity(name.len() + 1, GFP_KERNEL)?;
        bytes.extend_from_slice(name, GFP_KERNEL)?;
        bytes.push(0, GFP_KERNEL)?;
        let name = CStr::from_bytes_with_nul(&bytes).map_err(|_| EINVAL)?;
        let vector = vectors.index(0)?;
        let _ = vector.request(pdev, Flags::TRIGGER_NONE, name, Ok(Quiet));
        Ok(())
    };
    for byte in 1..=u8::MAX {
        for len in [1, 2, 127, 128, 255] {
            try_name(&[byte; 255][..len])?;
        }
    }
    for name in [
        "%s%n%p",
        "irq",
        "..a",
        "a b",
        "\n\n",
        "affinity",
        "effective",
    ] {
        try_name(name.as_bytes())?;
    }
    Ok(())
}

/// Vectors that were spread over the CPUs are accounted to each of them, so they cannot be moved.
fn spread_vectors_stay<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    let n = u32::try_from(pdev.irq_vector_count(hardware.kind.messages())?)?;
    let binding = pdev.binding()?;
    for managed in [false, true] {
        let spread = IrqAffinity::default();
        let guard = binding.alloc_irq_vectors_affinity(1, n, messages(), spread)?;
        let vectors = if managed {
            guard.into_managed().map_err(|(e, _)| e)?
        } else {
            drop(guard);
            binding.pcim_alloc_irq_vectors_affinity(1, n, messages(), spread)?
        };
        let mut refused = true;
        for i in 0..vectors.len() {
            let handler = Ok(Acknowledge(*hardware));
            let vector = vectors.index(i)?;
            check!(vector.affinity()?.is_some());
            let handle = vector.request(pdev, Flags::TRIGGER_NONE, c"attack", handler)?;
            for mask in &masks()? {
                refused &= handle.set_affinity_hint(mask).err() == Some(EINVAL);
                for _ in 0..10 {
                    hardware.raise()?;
                    fsleep(Delta::from_millis(2));
                    hardware.acknowledge();
                }
            }
            fsleep(Delta::from_millis(10));
            drop(handle);
        }
        vectors.free()?;
        check!(refused);
    }
    Ok(())
}

/// Registers very many handlers, and forgets all of them.
fn crowd_is_released<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>) -> Result {
    for types in [messages(), IrqType::Intx.into()] {
        let vectors = pdev.alloc_irq_vectors(1, 1, types)?;
        for i in 0..100 {
            let hard = Ok(Acknowledge(*hardware));
            let vector = vectors.index(0)?;
            vector
                .request(pdev, Flags::SHARED, c"crowd", hard)?
                .until_unbind();
            // At most 64 threads can have the line masked.
            let flags =
                [Flags::SHARED, Flags::SHARED | Flags::ONESHOT][i % 2] | Flags::PROBE_SHARED;
            let threaded = Ok(Acknowledge(*hardware));
            let vector = vectors.index(0)?;
            let _ = vector
                .request_threaded(pdev, flags, c"crowd", threaded)
                .map(IrqHandle::until_unbind);
        }
        if hardware.kind == Kind::Edu {
            hardware.raise()?;
        }
        check!(vectors.free().is_ok());
        hardware.acknowledge();
    }
    Ok(())
}

/// An INTx line is one vector whatever the numbers are, so C does not look at them.
fn numbers_must_make_sense<'c>(pdev: &Device<'c>, _hardware: &Hardware<'c>) -> Result {
    for types in [IrqTypes::all(), IrqType::Intx.into(), messages()] {
        check!(pdev.alloc_irq_vectors(1, 0, types).err() == Some(EINVAL));
        check!(pdev.alloc_irq_vectors(2, 1, types).err() == Some(ERANGE));
        check!(pdev.pcim_alloc_irq_vectors(1, 0, types).err() == Some(EINVAL));
    }
    Ok(())
}

pub(crate) const CASES: &[Case] = cases![
    numbers_must_make_sense,
    crowd_is_released,
    any_name_is_harmless,
    pairs_of_flags_are_harmless,
    other_bits_are_harmless,
    spread_vectors_stay,
];
