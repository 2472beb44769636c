// SPDX-License-Identifier: GPL-2.0

//! The driver of a child that `ownership_misuse` forgets, in a module of its own.
//!
//! Its parent lends it a binding, which only the parent should have. With that it can allocate
//! vectors, but it can neither register a handler nor leave data with a destructor, because their
//! code would be unloaded with this module.

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
    sync::{
        Arc,
        SpinLock, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    }, //
};

/// The data with which the parent registers the child. Both modules use the same types.
type Handed = (Arc<pci::WhileBound<ForLt!(())>>, Arc<Offered>);

type Offered = SpinLock<Option<fn(&pci::Device<Core<'_>>)>>;

/// The parent calls this in one of its callbacks.
fn keep_data(parent: &pci::Device<Core<'_>>) {
    let errno = parent
        .while_bound::<ForLt!(Quiet)>(|_| Ok(KBox::pin(Quiet, GFP_KERNEL)?))
        .err()
        .map_or(0, Error::to_errno);
    dev_info!(parent, "misuse: child keeps {}\n", errno);
}

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// Nobody calls this module any more when it is unloaded.
struct Child(Arc<Offered>);

impl Drop for Child {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

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
        let (handed, offered) = &*adev.registration_data::<CovariantForLt!(Handed)>()?;
        *offered.lock() = Some(keep_data);
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
        Ok(Self(offered.clone()))
    }
}

kernel::module_auxiliary_driver! {
    type: Child,
    name: "ownership_misuse_child",
    authors: ["PCI devres in Rust developers"],
    description: "Driver of a child whose parent gives away too much",
    license: "GPL v2",
}
