// SPDX-License-Identifier: GPL-2.0

//! The driver of a child that `ownership_misuse` forgets, in a module of its own.
//!
//! Its parent hands it what only the parent should have. It can allocate vectors with that, but not
//! register a handler, whose text would go with this module.

use kernel::{
    auxiliary,
    device::Core,
    irq::{
        self,
        Flags, //
    },
    pci::{
        self,
        IrqType,
        IrqTypes, //
    },
    prelude::*,
    sync::Arc,
    types::{
        CovariantForLt,
        ForLt, //
    }, //
};

/// What the parent registers the child with: the same type in both modules.
type Handed = Arc<pci::WhileBound<ForLt!(())>>;

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

struct Child;

kernel::auxiliary_device_table!(
    CHILD_TABLE,
    <Child as auxiliary::Driver>::IdInfo,
    [(auxiliary::DeviceId::new(c"ownership_misuse", c"child"), ())]
);

impl auxiliary::Driver for Child {
    type IdInfo = ();
    type Data<'bound> = Self;

    const ID_TABLE: auxiliary::IdTable<Self::IdInfo> = &CHILD_TABLE;

    fn probe<'bound>(
        adev: &'bound auxiliary::Device<Core<'_>>,
        _info: &'bound Self::IdInfo,
    ) -> impl PinInit<Self, Error> + 'bound {
        let handed = adev.registration_data::<CovariantForLt!(Handed)>()?;
        let messages = IrqTypes::default().with(IrqType::Msi).with(IrqType::MsiX);
        let result = handed.with(|binding, _| -> Result {
            let vectors = binding.alloc_irq_vectors(1, 1, messages)?;
            let vector = vectors.index(0)?;
            binding
                .request::<CovariantForLt!(Quiet)>(vector, Flags::SHARED, c"child", |_| Ok(Quiet))
                .map(pci::IrqHandle::until_unbind)
        });
        let errno = result
            .and_then(|inner| inner)
            .err()
            .map_or(0, Error::to_errno);
        dev_info!(adev, "misuse: child gets {}\n", errno);
        Ok(Self)
    }
}

kernel::module_auxiliary_driver! {
    type: Child,
    name: "ownership_misuse_child",
    authors: ["PCI devres in Rust developers"],
    description: "Driver of a child whose parent gives away too much",
    license: "GPL v2",
}
