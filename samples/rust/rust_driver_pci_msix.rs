// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample with one handler per MSI-X vector (based on QEMU's `e1000e`).
//!
//! To make this driver probe, QEMU must be run with `-device e1000e`, and no network driver may
//! claim the device. It raises each of the five interrupts from software and checks that exactly
//! the handler of that vector saw it, on a CPU that the vector was spread to.
//!
//! The parameter `managed` says who owns the vectors: the device, or the driver.
//!
//! Registers: Intel 82574 GbE Controller Family Datasheet, section 10.2.4, Interrupt Register
//! Descriptions.

use core::ops::Deref;
use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    device::Core,
    io::{
        poll::read_poll_timeout,
        register,
        Io, //
    },
    irq::{
        self,
        Flags, //
    },
    pci::{
        self,
        IrqAffinity,
        IrqHandle,
        IrqType,
        IrqTypes,
        IrqVector, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// The number of vectors: two receive queues, two transmit queues, and one for everything else.
const VECTORS: usize = 5;

/// The bit of the cause that has vector 0. The others follow.
const FIRST_CAUSE: usize = 20;

const fn cause(vector: usize) -> u32 {
    1 << (FIRST_CAUSE + vector)
}

mod regs {
    use super::*;

    register! {
        /// Raises the causes that are written to it, as the hardware does.
        pub(super) ICS(u32) @ 0x00c8 {
            31:0 causes;
        }

        /// Enables interrupts for the causes that are written to it.
        pub(super) IMS(u32) @ 0x00d0 {
            31:0 causes;
        }

        /// Disables interrupts for the causes that are written to it.
        pub(super) IMC(u32) @ 0x00d8 {
            31:0 causes;
        }

        /// Says which causes are cleared when their message is sent.
        pub(super) EIAC(u32) @ 0x00dc {
            31:0 causes;
        }

        /// Assigns a vector to each interrupt, in four bits each: a valid bit and the number of the
        /// vector.
        pub(super) IVAR(u32) @ 0x00e4 {
            31:0 entries;
        }
    }

    /// Length of the registers above.
    pub(super) const END: usize = 0x0100;
    /// An entry of [`IVAR`] is valid.
    pub(super) const VALID: u32 = 1 << 3;
}

type Bar0<'a> = pci::ManagedBar<'a, { regs::END }>;

/// The interrupts that the handler of one vector has seen.
struct Seen {
    count: Atomic<u32>,
    cpu: Atomic<u32>,
}

struct Handler(Arc<Seen>);

impl irq::Handler for Handler {
    fn handle(&self) -> irq::IrqReturn {
        self.0.cpu.store(CpuId::current().as_u32(), Relaxed);
        self.0.count.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

/// The vectors, whoever owns them.
enum Vectors<'bound> {
    Managed(pci::ManagedIrqVectors<'bound>),
    Explicit(pci::IrqVectorRegistration<'bound>),
}

impl<'bound> Vectors<'bound> {
    fn new(pdev: &'bound pci::Device<Core<'_>>) -> Result<Self> {
        let n = VECTORS as u32;
        let msix = IrqTypes::default().with(IrqType::MsiX);
        // The receive queues come first, and each gets CPUs of its own.
        let spread = IrqAffinity {
            post_vectors: n - nr_cpu_ids().min(2),
            ..Default::default()
        };
        let binding = pdev.binding()?;

        Ok(if module_parameters::managed.value() {
            Self::Managed(binding.pcim_alloc_irq_vectors_affinity(n, n, msix, spread)?)
        } else {
            Self::Explicit(binding.alloc_irq_vectors_affinity(n, n, msix, spread)?)
        })
    }

    /// Returns who frees the vectors, as text.
    fn owner(&self) -> &'static str {
        match self {
            Self::Managed(_) => "the device",
            Self::Explicit(_) => "the driver",
        }
    }

    /// Registers a handler for vector `i`, until the driver is unbound.
    fn request(&self, pdev: &pci::Device<Core<'_>>, i: usize, seen: Arc<Seen>) -> Result {
        match self {
            Self::Managed(vectors) => request(pdev, vectors.index(i)?, seen),
            Self::Explicit(vectors) => request(pdev, vectors.index(i)?, seen),
        }
        .map(IrqHandle::until_unbind)
    }

    /// Returns whether vector `i` was spread to `cpu`.
    fn may_run_on(&self, i: usize, cpu: CpuId) -> Result<bool> {
        let mask = match self {
            Self::Managed(vectors) => vectors.index(i)?.affinity()?,
            Self::Explicit(vectors) => vectors.index(i)?.affinity()?,
        };
        Ok(mask.is_some_and(|mask| mask.deref().test(cpu)))
    }
}

fn request<'a, V: Copy>(
    pdev: &'a pci::Device<Core<'_>>,
    vector: IrqVector<'a, V>,
    seen: Arc<Seen>,
) -> Result<IrqHandle<'a, Handler>> {
    vector.request(pdev, Flags::TRIGGER_NONE, c"msix", Ok(Handler(seen)))
}

struct MsixDriver;

struct MsixData<'bound> {
    pdev: &'bound pci::Device,
    bar: Bar0<'bound>,
    _vectors: Vectors<'bound>,
}

impl MsixData<'_> {
    /// Lets the device send a message for each cause, as soon as it is raised.
    fn set_up(bar: Bar0<'_>) {
        let mut entries = 0;
        let mut causes = 0;
        for i in 0..VECTORS {
            entries |= (regs::VALID | i as u32) << (4 * i);
            causes |= cause(i);
        }
        bar.write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
        bar.write_reg(regs::IVAR::zeroed().with_entries(entries));
        bar.write_reg(regs::EIAC::zeroed().with_causes(causes));
    }

    /// Raises the interrupt of vector `i`, and checks that only its handler saw it.
    fn check(
        pdev: &pci::Device<Core<'_>>,
        bar: Bar0<'_>,
        vectors: &Vectors<'_>,
        seen: &[Arc<Seen>],
        i: usize,
    ) -> Result {
        let counts = || seen.iter().map(|seen| seen.count.load(Relaxed));
        let before: u32 = counts().sum();
        let own = seen[i].count.load(Relaxed);

        bar.write_reg(regs::IMS::zeroed().with_causes(cause(i)));
        bar.write_reg(regs::ICS::zeroed().with_causes(cause(i)));
        let now = read_poll_timeout(
            || Ok(seen[i].count.load(Relaxed)),
            |now| *now != own,
            Delta::from_micros(100),
            Delta::from_secs(2),
        );
        bar.write_reg(regs::IMC::zeroed().with_causes(cause(i)));

        now.inspect_err(|_| dev_err!(pdev, "vector {}: no interrupt within 2 s\n", i))?;
        let others = counts().sum::<u32>() - before - 1;
        if others != 0 {
            dev_err!(pdev, "vector {}: {} other interrupts\n", i, others);
            return Err(EIO);
        }
        let number = seen[i].cpu.load(Relaxed);
        let cpu = CpuId::from_u32(number).ok_or(EINVAL)?;
        if !vectors.may_run_on(i, cpu)? {
            dev_err!(pdev, "vector {}: not spread to CPU {}\n", i, number);
            return Err(EIO);
        }
        dev_info!(pdev, "vector {}: interrupt on CPU {}\n", i, number);
        Ok(())
    }
}

kernel::pci_device_table!(
    PCI_TABLE,
    <MsixDriver as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10d3), ())]
);

impl pci::Driver for MsixDriver {
    type IdInfo = ();
    type Data<'bound> = MsixData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let bar: Bar0<'_> = pdev
            .pcim_enable_device()?
            .iomap_region_sized(0, c"msix")
            .inspect_err(|_| dev_err!(pdev, "cannot map the registers, BAR 0\n"))?;
        pdev.set_master();

        let available = pdev.irq_vector_count(IrqType::MsiX)?;
        let vectors = Vectors::new(pdev).inspect_err(|e| {
            dev_err!(pdev, "no {} of {} vectors: {:?}\n", VECTORS, available, e)
        })?;

        let mut seen = KVec::with_capacity(VECTORS, GFP_KERNEL)?;
        for i in 0..VECTORS {
            let one = Arc::new(
                Seen {
                    count: Atomic::new(0),
                    cpu: Atomic::new(0),
                },
                GFP_KERNEL,
            )?;
            vectors
                .request(pdev, i, one.clone())
                .inspect_err(|e| dev_err!(pdev, "vector {}: no handler: {:?}\n", i, e))?;
            seen.push(one, GFP_KERNEL)?;
        }

        MsixData::set_up(bar);
        let checked = (0..VECTORS).try_for_each(|i| MsixData::check(pdev, bar, &vectors, &seen, i));
        // After an interrupt the device holds the next one back for 128 us. QEMU stops the machine
        // if MSI-X is off when that time is over.
        fsleep(Delta::from_millis(10));
        checked?;
        dev_info!(
            pdev,
            "{} MSI-X vectors, owned by {}\n",
            VECTORS,
            vectors.owner()
        );

        Ok(MsixData {
            pdev,
            bar,
            _vectors: vectors,
        })
    }
}

impl Drop for MsixData<'_> {
    fn drop(&mut self) {
        self.bar
            .write_reg(regs::IMC::zeroed().with_causes(u32::MAX));
        dev_info!(self.pdev, "unbound\n");
    }
}

kernel::module_pci_driver! {
    type: MsixDriver,
    name: "rust_driver_pci_msix",
    authors: ["PCI devres in Rust developers"],
    description: "Rust PCI driver with a handler per MSI-X vector",
    license: "GPL v2",
    params: {
        managed: bool {
            default: true,
            description: "Let the device own the vectors (default), or the driver",
        },
    },
}
