// SPDX-License-Identifier: GPL-2.0

//! Two drivers that allocate vectors of one device, on two CPUs at a time.
//!
//! Allocating needs no more than `&pci::Device<Bound>`, and the drivers of a device's auxiliary
//! children get that of their parent. So this binds to QEMU's `edu`, makes two children, and while
//! a child is probed it allocates and frees vectors of the parent again and again. One of two
//! children that are probed at a time finds the device busy; nothing else may happen.

use kernel::{
    auxiliary,
    device::{
        Bound,
        Core, //
    },
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
    types::CovariantForLt,
    InPlaceModule, //
};

const ROUNDS: u32 = 2000;
const MODULE_NAME: &CStr = <LocalModule as kernel::ModuleMetadata>::NAME;
const CHILD_NAME: &CStr = c"child";

struct Child;

kernel::auxiliary_device_table!(
    CHILD_TABLE,
    <Child as auxiliary::Driver>::IdInfo,
    [(auxiliary::DeviceId::new(MODULE_NAME, CHILD_NAME), ())]
);

/// Allocates and frees; returns how often that went well, and how often somebody else had vectors.
fn compete(parent: &pci::Device<Bound>) -> Result<(u32, u32)> {
    let msi = IrqTypes::default().with(IrqType::Msi);
    let (mut mine, mut busy) = (0, 0);

    while mine + busy < ROUNDS {
        match parent.alloc_irq_vectors(1, 1, msi) {
            Ok(vectors) => {
                // Nobody else frees them, or takes them for his own.
                vectors.index(0)?;
                vectors.free().map_err(|(e, _)| e)?;
                mine += 1;
            }
            Err(e) if e == EBUSY => busy += 1,
            Err(e) => return Err(e),
        }
    }
    Ok((mine, busy))
}

impl auxiliary::Driver for Child {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: auxiliary::IdTable<Self::IdInfo> = &CHILD_TABLE;

    fn probe<'bound>(
        adev: &'bound auxiliary::Device<Core<'_>>,
        _info: &'bound Self::IdInfo,
    ) -> impl PinInit<Self, Error> + 'bound {
        let parent: &pci::Device<Bound> = adev.parent().try_into()?;

        match compete(parent) {
            Ok((mine, busy)) => {
                dev_info!(adev, "race: {} allocated, {} busy\n", mine, busy);
                Ok(Self)
            }
            Err(e) => {
                dev_err!(adev, "race: failed, {:?}\n", e);
                Err(e)
            }
        }
    }
}

struct Parent;

struct ParentData<'bound> {
    _children: [auxiliary::Registration<'bound, CovariantForLt!(())>; 2],
}

kernel::pci_device_table!(
    PARENT_TABLE,
    <Parent as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_numbers(0x1234, 0x11e8), ())]
);

impl pci::Driver for Parent {
    type IdInfo = ();
    type Data<'bound> = ParentData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PARENT_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let child = |id| {
            // SAFETY: The driver core drops it with the driver data; nobody forgets it.
            unsafe {
                auxiliary::Registration::new_with_lt(
                    pdev.as_ref(),
                    CHILD_NAME,
                    id,
                    MODULE_NAME,
                    Ok::<_, Error>(()),
                )
            }
        };

        Ok(ParentData {
            _children: [child(0)?, child(1)?],
        })
    }
}

#[pin_data]
struct Module {
    #[pin]
    children: kernel::driver::Registration<auxiliary::Adapter<Child>>,
    #[pin]
    parent: kernel::driver::Registration<pci::Adapter<Parent>>,
}

impl InPlaceModule for Module {
    fn init(module: &'static kernel::ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            children <- kernel::driver::Registration::new(MODULE_NAME, module),
            parent <- kernel::driver::Registration::new(MODULE_NAME, module),
        })
    }
}

module! {
    type: Module,
    name: "ownership_race",
    authors: ["PCI devres in Rust developers"],
    description: "Two drivers that allocate vectors of one PCI device",
    license: "GPL v2",
}
