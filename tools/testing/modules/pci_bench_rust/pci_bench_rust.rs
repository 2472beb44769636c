// SPDX-License-Identifier: GPL-2.0

//! Measures in Rust what `pci_bench/registers.c` measures in C: accesses to registers, which are counted here when the driver
//! binds, and an interrupt handler, whose interrupts `pci_bench` raises and counts.

use core::arch::asm;
use kernel::{
    device::Core,
    io::{
        io_read,
        io_write,
        Io, //
    },
    irq::{
        self,
        Flags,
        IrqReturn, //
    },
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
};

const STATUS: usize = 0x24;
const ACKNOWLEDGE: usize = 0x64;
/// The source of the DMA engine. Writing it has no effect until the engine is started.
const SCRATCH: usize = 0x80;
const END: usize = 0x88;

const ROUNDS: usize = 20;

/// Reads the counter twice, and once more after sixteen accesses, because a single instruction would be lost among those that
/// read it. It is inlined, so that the address of the register is loaded before, as in C.
#[inline(always)]
fn times(access: impl Fn() + Copy) -> [u64; 3] {
    let start = now();
    let read = now();
    four(&|| four(&access));
    let done = now();
    [start, read, done]
}

#[inline(always)]
fn four(what: &impl Fn()) {
    what();
    what();
    what();
    what();
}

fn count(label: &str, access: impl Fn() + Copy) {
    let (mut least, mut empty) = (u64::MAX, u64::MAX);
    for _ in 0..ROUNDS {
        let [start, read, done] = times(access);
        empty = empty.min(read - start);
        least = least.min(done - read);
    }
    pr_info!("access/Rust/{label} {}\n", least - empty);
}

/// Reads the time-stamp counter, in a block so that nothing that is counted is moved in or out.
fn now() -> u64 {
    let now;
    // SAFETY: Every x86-64 processor has a time-stamp counter.
    unsafe {
        asm!(
            "rdtsc",
            "shl rdx, 32",
            "or rax, rdx",
            out("rax") now,
            out("rdx") _,
            options(nostack)
        )
    };
    now
}

fn count_accesses(bar: pci::ManagedBar<'_, END>) -> Result {
    // A `Region` consists of words of four bytes.
    let wide = bar.try_cast::<[u64; END / 8]>()?;

    count("read8", move || {
        bar.read8(SCRATCH);
    });
    count("read16", move || {
        bar.read16(SCRATCH);
    });
    count("read32", move || {
        bar.read32(SCRATCH);
    });
    count("read64", move || {
        io_read!(wide, [build: SCRATCH / 8]);
    });
    // The compiler does not know this value. It would load a constant anew for each write.
    let value = bar.read32(SCRATCH);
    count("write8", move || bar.write8(value as u8, SCRATCH));
    count("write16", move || bar.write16(value as u16, SCRATCH));
    count("write32", move || bar.write32(value, SCRATCH));
    count(
        "write64",
        move || io_write!(wide, [build: SCRATCH / 8], value.into()),
    );
    Ok(())
}

struct Handler<'c>(pci::ManagedBar<'c, END>);

impl irq::Handler for Handler<'_> {
    fn handle(&self) -> IrqReturn {
        let reasons = self.0.read32(STATUS);
        if reasons == 0 {
            return IrqReturn::None;
        }
        self.0.write32(reasons, ACKNOWLEDGE);
        IrqReturn::Handled
    }
}

struct Driver;

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let bar = pdev.pcim_enable_device()?.iomap_region_sized(0, c"bench")?;
        count_accesses(bar)?;
        pdev.set_master();

        let msi = IrqTypes::default().with(IrqType::Msi);
        pdev.pcim_alloc_irq_vectors(1, 1, msi)?
            .index(0)?
            .request(pdev, Flags::SHARED, c"bench", Ok(Handler(bar)))?
            .until_unbind();
        Ok(Self)
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "pci_bench_rust",
    authors: ["PCI devres in Rust developers"],
    description: "Register access and an interrupt handler to measure",
    license: "GPL v2",
}
