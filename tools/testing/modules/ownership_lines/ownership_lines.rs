// SPDX-License-Identifier: GPL-2.0

//! Registers and releases handlers of QEMU's `edu` over and over while it is bound, and says how
//! often it did.
//!
//! The parameter `messages` chooses between the INTx line, which several devices share, with
//! handlers that all have one name, and MSI, with handlers that are enabled by the driver.

use kernel::{
    device::Core,
    irq::{
        self,
        Flags, //
    },
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
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
    workqueue, //
};

/// How often a handler was registered and released.
static ROUNDS: Atomic<u32> = Atomic::new(0);

/// How often a handler is registered before the driver may be unbound.
const BURST: u32 = 500;

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::None
    }
}

fn share_a_name(binding: pci::Binding<'_>) -> Result {
    let line = binding.alloc_irq_vectors(1, 1, IrqType::Intx.into())?;
    for _ in 0..BURST {
        let vector = line.index(0)?;
        binding.request::<CovariantForLt!(Quiet)>(vector, Flags::SHARED, c"same", |_| Ok(Quiet))?;
        ROUNDS.add(1, Relaxed);
    }
    Ok(())
}

fn enable_later(binding: pci::Binding<'_>) -> Result {
    let vectors = binding.alloc_irq_vectors(1, 1, IrqType::Msi.into())?;
    for flags in [Flags::TRIGGER_NONE, Flags::NO_AUTOEN] {
        let vector = vectors.index(0)?;
        let handle =
            binding.request::<CovariantForLt!(Quiet)>(vector, flags, c"later", |_| Ok(Quiet))?;
        fsleep(Delta::from_micros(200));
        handle.enable()?;
        handle.disable()?;
        handle.enable()?;
        drop(handle);
        fsleep(Delta::from_micros(200));
        ROUNDS.add(1, Relaxed);
    }
    Ok(())
}

/// Waits for the work item of a device, whose code may be removed with the module.
struct Wait(Arc<Atomic<bool>>);

impl Drop for Wait {
    fn drop(&mut self) {
        while !self.0.load(Relaxed) {
            fsleep(Delta::from_millis(1));
        }
        // It has to return.
        fsleep(Delta::from_millis(20));
        pr_info!("lines: {} rounds\n", ROUNDS.load(Relaxed));
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
    type Data<'bound> = Wait;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Wait, Error> + 'bound {
        pdev.pcim_enable_device()?;
        let messages = module_parameters::messages.value();
        let shared: Arc<pci::WhileBound<ForLt!(())>> =
            pdev.while_bound(|_| Ok(KBox::pin((), GFP_KERNEL)?))?;
        let wait = Wait(Arc::new(Atomic::new(false), GFP_KERNEL)?);
        let ended = wait.0.clone();
        let spawned = workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            let calls = if messages { enable_later } else { share_a_name };
            // The data is gone once the driver is unbound.
            while let Ok(result) = shared.with(|binding, _| calls(binding)) {
                match result {
                    Ok(()) => (),
                    // MSI is not allocated for a device that is suspended.
                    Err(e) if messages && e == EINVAL => fsleep(Delta::from_millis(1)),
                    Err(e) => {
                        if e != ENODEV {
                            pr_err!("lines: {:?}\n", e);
                        }
                        break;
                    }
                }
            }
            drop(shared);
            ended.store(true, Relaxed);
        });
        if let Err(e) = spawned {
            wait.0.store(true, Relaxed);
            return Err(e.into());
        }
        Ok(wait)
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "ownership_lines",
    authors: ["PCI devres in Rust developers"],
    description: "Registers and releases handlers over and over",
    license: "GPL v2",
    params: {
        messages: bool {
            default: false,
            description: "Use MSI, or the INTx line (default)",
        },
    },
}
