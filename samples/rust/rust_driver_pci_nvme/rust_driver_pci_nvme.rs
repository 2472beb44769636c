// SPDX-License-Identifier: GPL-2.0

//! Rust PCI driver sample that reads an NVMe disk through one queue and one vector for each CPU.
//!
//! To make this driver probe, QEMU must be run with
//! `-drive file=disk,if=none,id=disk,format=raw -device nvme,drive=disk,serial=0`, and the C driver
//! must not claim the device. Any other controller that has a first namespace and two MSI-X vectors
//! will do; the driver takes one controller, and never writes to the disk.
//!
//! `/dev/nvme-rust0`, which only root may open, is the disk: `dd if=/dev/nvme-rust0 bs=64k`. It
//! cannot be sought in, because a `MiscDevice` of Linux 7.3 has no such call, but `pread()` works.
//!
//! # What it shows
//!
//! - Vectors that the device owns, spread over the CPUs, with a handler for each queue, which wakes
//!   the reader. They are allocated in probe and, all of them, anew by a reset: the ioctl
//!   `NVME_IOCTL_RESET`, from a file operation, while others read. Readers wait for the end of the
//!   reset and see nothing of it. Has the reset failed, they get `EIO` until one succeeds.
//! - A file that stays open when the driver is unbound, the device is removed, or pulled out: what
//!   it calls gets at the device through [`pci::WhileBound`] and fails with `ENODEV`. A read in
//!   flight ends in what it has read so far, or in `ENODEV`. The module can be removed when the
//!   file is closed; until then `rmmod` is refused, as for any file.
//! - A controller that does not answer: a read ends with `ETIMEDOUT` after five seconds, and a reset
//!   may help. So it does after suspend, of which a `pci::Driver` of 7.3 is not told.
//!
//! # What upstream would have to offer
//!
//! There is no `unsafe` in it. But DMA of 7.3 leaves to the driver what the compiler could see to:
//!
//! - Memory for DMA that is dropped while the controller uses it is written to by the controller
//!   when it is somebody else's, and no `unsafe` says so. Here a queue is dropped when the controller
//!   is disabled, or has gone. Upstream would have to tie [`Coherent`](kernel::dma::Coherent) to
//!   something that stops the device.
//! - Data is copied twice, from the memory for DMA to a buffer and from there to user space. To copy
//!   it at once, `IovIterDest` would have to take a `CoherentView`, or `Coherent` would have to be
//!   lent to the device for the time of a command, and be plain memory afterwards.
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

/// Whether there is a disk: there is one file.
static TAKEN: Atomic<bool> = Atomic::new(false);

/// The right to be that disk.
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
            pdev.set_dma_mask(DmaMask::new::<64>())?;
            pdev.set_master();

            let available = pdev.irq_vector_count(IrqType::MsiX)?;
            let controller = Controller::new(registers, available)?;
            let shared = pdev.while_bound::<ForLt!(Controller<'_>)>(controller)?;
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
