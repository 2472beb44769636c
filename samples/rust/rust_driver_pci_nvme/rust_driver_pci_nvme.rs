// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample that reads an NVMe disk through one queue and one vector for each CPU.
//!
//! To make this driver probe, QEMU must be run with `-drive file=disk,if=none,id=disk,format=raw
//! -device nvme,drive=disk,serial=0`, and the C driver must not claim the device. Any other
//! controller that has a first namespace and two MSI-X vectors can be used as well. The driver
//! takes one controller, and never writes to the disk.
//!
//! `/dev/nvme-rust0`, which only root may open, is the disk: `dd if=/dev/nvme-rust0 bs=64k`. It
//! does not support seeking, because a `MiscDevice` of Linux 7.3 has no such call, but `pread()`
//! works.
//!
//! # What it shows
//!
//! - Vectors that the device owns, spread over the CPUs, with a handler for each queue, which wakes
//!   the reader. They are allocated in probe, and a reset frees and allocates all of them anew. The
//!   ioctl `NVME_IOCTL_RESET` resets from a file operation, while other tasks read. Readers wait
//!   for the end of the reset and do not notice it. If the reset fails, they get `EIO` until one
//!   succeeds.
//! - A file that stays open when the driver is unbound, or the device is removed or pulled out. Its
//!   operations use the device through [`pci::WhileBound`], and then fail with `ENODEV`. A read in
//!   flight returns what it has read so far, or `ENODEV`. The module can be removed when the file
//!   is closed; until then `rmmod` is refused, as for any file.
//! - A controller that does not answer. A read ends with `ETIMEDOUT` after five seconds, and a
//!   reset may help. A reset also helps after suspend, of which a `pci::Driver` of 7.3 is not told.
//!
//! # What upstream would have to offer
//!
//! The driver has no `unsafe`. But with DMA of 7.3 the driver has to take care of what the compiler
//! could check:
//!
//! - If memory for DMA is dropped while the controller uses it, the controller writes to memory
//!   that belongs to somebody else by then, and no `unsafe` warns of that. This driver drops a
//!   queue only when the controller is disabled or gone. Upstream would have to tie
//!   [`Coherent`](kernel::dma::Coherent) to something that stops the device.
//! - Data is copied twice, from the memory for DMA to a buffer and from there to user space. To
//!   copy it at once, `IovIterDest` would have to take a `CoherentView`, or `Coherent` would have
//!   to be lent to the device during a command, and be plain memory afterwards.
//! - `MiscDevice::open()` of 7.3 gets the registration, which has no data. This tree adds it.
//!
//! Registers and commands: NVM Express Base Specification, and NVM Command Set Specification.

mod command;
mod controller;
mod disk;
mod event;
mod file;
mod queue;
mod regs;

use controller::{
    Controller,
    Shared, //
};
use file::DiskFile;
use kernel::{
    device::Core,
    dma::DmaMask,
    miscdevice::MiscDeviceRegistration,
    pci::{
        self,
        IrqType, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    types::ForLt, //
};

/// Whether a controller is taken. There is only one file, so there is only one disk.
static TAKEN: Atomic<bool> = Atomic::new(false);

/// The right to use the file, which one controller has.
struct Taken;

impl Taken {
    fn new() -> Result<Self> {
        if TAKEN.xchg(true, Relaxed) {
            return Err(EBUSY);
        }
        Ok(Self)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        TAKEN.store(false, Relaxed);
    }
}

struct NvmeDriver;

#[pin_data]
struct NvmeData {
    shared: Arc<Shared>,
    #[pin]
    _file: MiscDeviceRegistration<DiskFile>,
    _taken: Taken,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <NvmeDriver as pci::Driver>::IdInfo,
    // Mass storage, non-volatile memory, NVM Express I/O controller.
    [(pci::DeviceId::from_class(0x01_08_02, 0xff_ff_ff), ())]
);

impl pci::Driver for NvmeDriver {
    type IdInfo = ();
    type Data<'bound> = NvmeData;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;
    const DMA_MASK: DmaMask = DmaMask::new::<64>();

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            let taken = Taken::new()?;
            let registers = pdev
                .pcim_enable_device()?
                .iomap_region_sized(0, c"nvme-rust0")
                .inspect_err(|_| dev_err!(pdev, "cannot map the registers, BAR 0\n"))?;
            pdev.set_master();

            let available = pdev.irq_vector_count(IrqType::MsiX)?;
            let shared = pdev.while_bound::<ForLt!(Controller<'_>)>(|lend| {
                let controller = Controller::new(lend.bar(registers)?, available)?;
                KBox::pin_init(controller, GFP_KERNEL)
            })?;
            let (disk, queues) = shared
                .with_core(pdev, |binding, controller| controller.reset(binding))?
                .inspect_err(|e| dev_err!(pdev, "the controller does not come up: {:?}\n", e))?;
            dev_info!(pdev, "{} bytes, {} I/O queues\n", disk.size(), queues);

            let file = DiskFile::register(shared.clone())?;
            Ok(try_pin_init!(NvmeData {
                shared,
                _file <- file,
                _taken: taken,
            }))
        })
    }

    fn unbind<'bound>(pdev: &'bound pci::Device<Core<'_>>, this: Pin<&Self::Data<'bound>>) {
        // The end of this callback waits for readers, so they must not wait for the controller.
        if this
            .shared
            .with_core(pdev, |_, controller| controller.kill())
            .is_ok()
        {
            dev_info!(pdev, "unbound\n");
        }
    }
}

kernel::module_pci_driver! {
    type: NvmeDriver,
    name: "rust_driver_pci_nvme",
    authors: ["PCI devres in Rust developers"],
    description: "Rust PCI driver that reads an NVMe disk",
    license: "GPL v2",
}
