// SPDX-License-Identifier: GPL-2.0

//! Safe programs that try to break the kernel with the calls that they may make.
//!
//! The driver binds to QEMU's `edu` and `e1000e`, and prints the results as KTAP each time. There is
//! no `unsafe` in it. A call that is refused must return an error, and any other must do no harm.
//! The runner judges the kernel's warnings, its leak detector and the state of the system.

use core::marker::PhantomData;
use kernel::{
    cpu::CpuId,
    cpumask::CpumaskVar,
    device::Core,
    io::Io,
    irq::{
        self,
        Flags, //
    },
    miscdevice::MiscDeviceRegistration,
    new_mutex,
    pci::{
        self,
        IrqAffinity,
        IrqHandle,
        IrqType,
        IrqTypes,
        IrqVectorRegistration,
        ManagedBar, //
    },
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
};

use hardware::{
    Acknowledge,
    Hardware,
    Kind, //
};

type Device<'c> = pci::Device<Core<'c>>;

/// Fails the case and says which line.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            pr_info!(
                "    # {} {}: {}\n",
                file!(),
                line!(),
                stringify!($condition)
            );
            return Err(EINVAL);
        }
    };
}

type Case = (
    &'static str,
    for<'c> fn(&Device<'c>, &Hardware<'c>) -> Result,
);

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name as for<'c> fn(&Device<'c>, &Hardware<'c>) -> Result)),*]
    };
}

mod contexts;
mod destructors;
mod earlier;
mod file;
mod hardware;
mod requests;
mod storm;
mod vectors;
mod waiting;

/// Data that any code may use while the driver is bound.
type Lent = pci::WhileBound<ForLt!(Hardware<'_>)>;

/// MSI-X or MSI, whichever the device has.
fn messages() -> IrqTypes {
    IrqTypes::default().with(IrqType::Msi).with(IrqType::MsiX)
}

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// How often each of the two devices was bound.
static BINDS: [Atomic<u32>; 2] = [Atomic::new(0), Atomic::new(0)];

/// The first binds run the cases. In later ones all tasks make any call.
const BINDS_WITH_CASES: u32 = 3;

/// Runs the cases and prints their results.
fn run_cases<'c>(pdev: &Device<'c>, hardware: &Hardware<'c>, bind: u32) {
    let name = hardware.kind.name();
    let cases = || {
        // A thousand requests take long. The case of the other device needs this one without vectors
        // once.
        let (once, last) = if bind == 0 {
            (requests::CASES, &[] as &[Case])
        } else {
            (&[] as &[Case], destructors::LAST)
        };
        let cases = [
            destructors::CASES,
            once,
            vectors::CASES,
            contexts::CASES,
            earlier::CASES,
            waiting::CASES,
            last,
        ];
        cases.into_iter().flatten()
    };

    pr_info!("KTAP version 1\n");
    pr_info!("1..1\n");
    pr_info!("    KTAP version 1\n");
    pr_info!("    # Subtest: attack_{}_bind_{}\n", name, bind);
    pr_info!("    1..{}\n", cases().count());
    let mut failed = 0;
    for (i, (name, case)) in cases().enumerate() {
        match case(pdev, hardware) {
            Ok(()) => pr_info!("    ok {} {}\n", i + 1, name),
            Err(e) => {
                failed += 1;
                pr_info!("    # {:?}\n", e);
                pr_info!("    not ok {} {}\n", i + 1, name);
            }
        }
    }
    let not = if failed == 0 { "" } else { "not " };
    pr_info!("{}ok 1 attack_{}_bind_{}\n", not, name, bind);
}

struct Driver;

struct Data {
    _file: Option<Pin<KBox<MiscDeviceRegistration<file::Open>>>>,
    _wait: storm::Wait,
}

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [
        (pci::DeviceId::from_numbers(0x1234, 0x11e8), Kind::Edu),
        (
            pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10d3),
            Kind::E1000e
        ),
    ]
);

impl pci::Driver for Driver {
    type IdInfo = Kind;
    type Data<'bound> = Data;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound Device<'_>,
        info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Data, Error> + 'bound {
        let hardware = Hardware::new(*info.ok_or(EINVAL)?, pdev)?;
        let bind = BINDS[hardware.kind as usize].fetch_add(1, Relaxed);
        let storm = bind >= BINDS_WITH_CASES;
        // This waits also if probe fails.
        let wait = storm::Wait(storm.then_some(hardware.kind));
        if storm {
            storm::begin(pdev, &hardware)?;
        } else {
            run_cases(pdev, &hardware, bind);
        }
        Ok(Data {
            _file: file::new(pdev, &hardware)?,
            _wait: wait,
        })
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "ownership_attack",
    authors: ["PCI devres in Rust developers"],
    description: "Safe programs that try to break the kernel",
    license: "GPL v2",
}
