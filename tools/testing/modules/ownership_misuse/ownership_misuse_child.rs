// SPDX-License-Identifier: GPL-2.0

//! The driver of a child that `ownership_misuse` forgets, in a module of its own.
//!
//! Its parent lends it a binding, which only the parent should have. With that it can allocate
//! vectors, but it can neither register a handler nor leave data with a destructor, because their
//! code would be unloaded with this module. When the parent is unbound, the child goes before the
//! parent's managed resources, of which it uses one.

use kernel::{
    auxiliary,
    device::Core,
    devres::{
        self,
        Devres, //
    },
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
        SetOnce,
        SpinLock, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    }, //
};

/// The data with which the parent registers the child. Both modules use the same types.
type Handed = (Arc<pci::WhileBound<ForLt!(())>>, Arc<Offered>, Arc<Late>);

type Offered = SpinLock<Option<fn(&pci::Device<Core<'_>>)>>;

/// A managed resource of the parent that is newer than the child.
type Late = SetOnce<Devres<u32>>;

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

struct Child(Arc<Offered>, Arc<Late>);

/// Nobody calls this module any more when it is unloaded.
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
        let (handed, offered, late) = &*adev.registration_data::<CovariantForLt!(Handed)>()?;
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
        let errno = |result: Result| result.err().map_or(0, Error::to_errno);
        let quiet = || Ok::<_, Error>(Quiet);
        let registered = devres::register::<Quiet, _>(adev.parent(), quiet(), GFP_KERNEL);
        let managed = Devres::<Quiet>::new(adev.parent(), quiet()).map(drop);
        dev_info!(
            adev,
            "misuse: child leaves {} {}\n",
            errno(registered),
            errno(managed)
        );
        Ok(Self(offered.clone(), late.clone()))
    }

    fn unbind<'bound>(adev: &'bound auxiliary::Device<Core<'_>>, this: Pin<&Self>) {
        let late = SetOnce::as_ref(&this.1);
        let found = late.and_then(|late| late.access(adev.parent()).ok());
        dev_info!(adev, "misuse: child finds {}\n", found.unwrap_or(&0));
    }
}

kernel::module_auxiliary_driver! {
    type: Child,
    name: "ownership_misuse_child",
    authors: ["PCI devres in Rust developers"],
    description: "Driver of a child whose parent gives away too much",
    license: "GPL v2",
}
