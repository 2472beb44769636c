// SPDX-License-Identifier: GPL-2.0

//! Tests the typed API on devices with several MSI-X vectors: QEMU's `nvme` and `virtio-rng-pci`.
//!
//! As `rust_pci_ownership_test` does on `edu`, this makes the calls that drivers make and prints
//! the results as KTAP, once per bind. `nvme` also interrupts, with vector 0, whenever it completes
//! an administrative command. There is no `unsafe` in this module.
//!
//! Every bind ends with a case that leaves vectors and handlers behind. The case passes only if
//! nothing is left when the device is unbound, and the next bind passes as well.

mod cases;
mod nvme;
mod seen;

use kernel::{
    device::Core,
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Fails the case and says which line.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            pr_info!(
                "    # {} line {}: {}\n",
                file!(),
                line!(),
                stringify!($condition)
            );
            return Err(EINVAL);
        }
    };
}
use check;

type Device<'c> = pci::Device<Core<'c>>;
type Case = (&'static str, fn(&Device<'_>) -> Result);

macro_rules! list {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((stringify!($name), $module::$name as fn(&Device<'_>) -> Result)),*]
    };
}

fn msix() -> IrqTypes {
    IrqType::MsiX.into()
}

fn intx() -> IrqTypes {
    IrqType::Intx.into()
}

/// Returns how many vectors the device has.
fn count(pdev: &Device<'_>) -> Result<u32> {
    Ok(u32::try_from(pdev.irq_vector_count(IrqType::MsiX)?)?)
}

/// Returns whether vectors can be allocated, that is, whether none are live.
fn is_free(pdev: &Device<'_>) -> bool {
    pdev.alloc_irq_vectors(1, 1, msix()).is_ok()
}

fn is_busy<T>(result: Result<T>) -> bool {
    result.err() == Some(EBUSY)
}

const CASES: &[Case] = list![
    cases::not_enabled,
    cases::every_vector,
    cases::bad_arguments,
    cases::second_allocation_is_busy,
    cases::intx_guard_frees_nothing,
    cases::handler_on_every_vector,
    cases::one_of_many_released_early,
    cases::threaded_handlers,
    cases::spread_over_every_cpu,
    cases::added_vectors_go_with_the_others,
    cases::everything_is_forgotten_but_the_guard,
    cases::added_vector_goes_alone,
    cases::one_queue_is_released,
];

const NVME: &[Case] = list![nvme::explicit_vector_interrupts];

/// Every bind ends with the next one of these.
const LAST: &[Case] = list![
    cases::managed_kept_until_unbind,
    cases::forgotten_guard_keeps_its_vectors,
    cases::converted_kept_until_unbind,
    cases::managed_spread_kept_until_unbind,
];

const NVME_LAST: &[Case] = list![nvme::managed_vector_interrupts];

/// With `pci=nomsi` this is the only case that makes sense.
const NOMSI: &[Case] = list![cases::without_messages];

#[derive(Clone, Copy)]
enum Kind {
    Nvme,
    Virtio,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Nvme => "nvme",
            Self::Virtio => "virtio_rng",
        }
    }

    /// Counts how often such a device was bound.
    fn bind(self) -> u32 {
        static BINDS: [Atomic<u32>; 2] = [Atomic::new(0), Atomic::new(0)];
        BINDS[self as usize].fetch_add(1, Relaxed)
    }
}

struct TestDriver;

kernel::pci_device_table!(
    PCI_TABLE,
    <TestDriver as pci::Driver>::IdInfo,
    [
        (pci::DeviceId::from_numbers(0x1b36, 0x0010), Kind::Nvme),
        (pci::DeviceId::from_numbers(0x1af4, 0x1044), Kind::Virtio),
    ]
);

struct TestData<'bound> {
    pdev: &'bound pci::Device,
}

/// Prints the results of one bind.
fn run(pdev: &Device<'_>, kind: Kind, bind: u32) {
    let name = kind.name();
    let (cases, more, last) = match (module_parameters::nomsi.value(), kind) {
        (true, _) => (NOMSI, &[] as &[Case], &[] as &[Case]),
        (_, Kind::Nvme) if bind == LAST.len() as u32 => (CASES, NVME, NVME_LAST),
        (_, Kind::Nvme) => (CASES, NVME, LAST),
        (_, Kind::Virtio) => (CASES, &[] as &[Case], LAST),
    };
    let last = last.get(bind as usize % last.len().max(1));
    let number = cases.len() + more.len() + usize::from(last.is_some());

    pr_info!("KTAP version 1\n");
    pr_info!("1..1\n");
    pr_info!("    KTAP version 1\n");
    pr_info!("    # Subtest: rust_{}_bind_{}\n", name, bind);
    pr_info!("    1..{}\n", number);
    let mut failed = 0;
    let all = Iterator::chain(Iterator::chain(cases.iter(), more), last);
    for (i, (name, case)) in all.enumerate() {
        match case(pdev) {
            Ok(()) => pr_info!("    ok {} {}\n", i + 1, name),
            Err(e) => {
                failed += 1;
                pr_info!("    # {:?}\n", e);
                pr_info!("    not ok {} {}\n", i + 1, name);
            }
        }
    }
    let not = if failed == 0 { "" } else { "not " };
    pr_info!("{}ok 1 rust_{}_bind_{}\n", not, name, bind);
}

impl pci::Driver for TestDriver {
    type IdInfo = Kind;
    type Data<'bound> = TestData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound Device<'_>,
        info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let kind = *info.ok_or(ENODEV)?;
        run(pdev, kind, kind.bind());
        Ok(TestData { pdev })
    }
}

impl Drop for TestData<'_> {
    fn drop(&mut self) {
        dev_info!(self.pdev, "unbound\n");
    }
}

kernel::module_pci_driver! {
    type: TestDriver,
    name: "ownership_devices",
    authors: ["PCI devres in Rust developers"],
    description: "Test of PCI interrupt-vector ownership in Rust, on nvme and virtio-rng",
    license: "GPL v2",
    params: {
        nomsi: bool {
            default: false,
            description: "Test what is different with pci=nomsi, and nothing else",
        },
    },
}
