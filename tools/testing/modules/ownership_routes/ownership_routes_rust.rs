// SPDX-License-Identifier: GPL-2.0

//! Allocates and frees vectors of QEMU's `e1000e` by every call of the typed API, from several CPUs,
//! while the driver of a child, in C, makes all the calls that C has.
//!
//! This module also has the driver of a child of a C driver. No type lets it allocate vectors of its
//! parent, so it calls C code for that. Only these calls are `unsafe`; they stand for drivers that
//! make the mistakes that Rust refuses.

use kernel::{
    auxiliary,
    device::Core,
    driver,
    ffi::c_void,
    irq::{
        self,
        Flags, //
    },
    new_mutex,
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
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    types::{
        CovariantForLt,
        ForLt, //
    },
    workqueue,
    InPlaceModule, //
};

/// The routes, with the numbers of ownership_routes.c.
const EXPLICIT: u32 = 4;
const MANAGED: u32 = 5;
const ADD: u32 = 6;
const ROBBED: u32 = 7;

extern "C" {
    fn ownership_routes_begin(child: *mut c_void) -> *mut c_void;
    fn ownership_routes_end(traffic: *mut c_void);
    fn ownership_routes_won(route: u32) -> bool;
    fn ownership_routes_lock();
    fn ownership_routes_unlock();
}

/// The lock under which a driver in C makes its calls.
struct Locked;

impl Locked {
    fn new() -> Self {
        // SAFETY: The function can be called by anybody.
        unsafe { ownership_routes_lock() };
        Self
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: This thread has locked it.
        unsafe { ownership_routes_unlock() };
    }
}

/// Counts a call, and returns whether to go on.
fn won(route: u32) -> bool {
    // SAFETY: The function takes any of the routes.
    unsafe { ownership_routes_won(route) }
}

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// Registers a handler, under which nobody frees, until its vectors are freed.
fn request(binding: pci::Binding<'_>, vector: pci::IrqVector<'_, impl Copy>) -> Result {
    let request =
        binding.request::<CovariantForLt!(Quiet)>(vector, Flags::TRIGGER_NONE, c"routes", |_| {
            Ok(Quiet)
        });
    request.map(pci::IrqHandle::until_unbind)
}

/// The vectors that the device owns, or owned before, for the route that adds to them.
#[pin_data]
struct Vectors<'bound> {
    #[pin]
    managed: Mutex<Option<pci::ManagedIrqVectors<'bound>>>,
}

type Shared = pci::WhileBound<ForLt!(Vectors<'_>)>;

fn a_while() {
    fsleep(Delta::from_micros(300));
}

/// Takes a route once, and returns what to count.
fn explicit<'a>(binding: pci::Binding<'a>, _shared: Pin<&Vectors<'a>>, turn: u32) -> Result<u32> {
    let locked = Locked::new();
    let vectors = binding.alloc_irq_vectors(1, 3, IrqType::MsiX.into())?;
    if turn % 2 == 0 {
        request(binding, vectors.index(0)?)?;
    }
    drop(locked);
    a_while();
    let _locked = Locked::new();
    let robbed = vectors.index(0).err() == Some(ENODEV);
    if robbed == vectors.index(1).is_ok() && vectors.len() > 1 {
        pr_err!("routes: half of the vectors are there\n");
    }
    if vectors.free().is_err() {
        pr_err!("routes: explicit vectors are not freed\n");
    }
    Ok(if robbed { ROBBED } else { EXPLICIT })
}

fn managed<'a>(binding: pci::Binding<'a>, shared: Pin<&Vectors<'a>>, turn: u32) -> Result<u32> {
    let locked = Locked::new();
    let vectors = binding.pcim_alloc_irq_vectors(1, 3, IrqType::MsiX.into())?;
    if turn % 2 == 0 {
        request(binding, vectors.index(0)?)?;
    }
    *shared.managed.lock() = Some(vectors);
    drop(locked);
    a_while();
    let _locked = Locked::new();
    if vectors.index(0).is_err() {
        pr_err!("routes: vectors of the device are gone\n");
    }
    vectors.free()?;
    Ok(MANAGED)
}

fn add<'a>(_binding: pci::Binding<'a>, shared: Pin<&Vectors<'a>>, _turn: u32) -> Result<u32> {
    let vectors = *shared.managed.lock();
    let _locked = Locked::new();
    let vectors = vectors.ok_or(ENOENT)?;
    vectors.add_vector(Some(4))?;
    vectors.remove_vector(4)?;
    Ok(ADD)
}

type Way = for<'a> fn(pci::Binding<'a>, Pin<&Vectors<'a>>, u32) -> Result<u32>;

/// The number of work items.
static RUNNING: Atomic<u32> = Atomic::new(0);

/// Takes one route until the driver is unbound, or each was taken often enough.
fn travel(shared: &Shared, way: Way) {
    for turn in 0.. {
        match shared.with(|binding, vectors| way(binding, vectors, turn)) {
            Ok(Ok(route)) if won(route) => fsleep(Delta::from_micros(300)),
            // Each refusal is reported.
            Ok(Err(_)) => fsleep(Delta::from_millis(1)),
            _ => break,
        }
    }
}

struct Parent;

/// The data with which the parent registers the child. The driver in C does not know it.
type ChildData = CovariantForLt!(());

struct ParentData<'bound> {
    _child: Option<auxiliary::Registration<'bound, ChildData>>,
}

impl Drop for ParentData<'_> {
    fn drop(&mut self) {
        while RUNNING.load(Relaxed) != 0 {
            fsleep(Delta::from_millis(1));
        }
        fsleep(Delta::from_millis(20));
    }
}

kernel::pci_device_table!(
    PCI_TABLE,
    <Parent as pci::Driver>::IdInfo,
    [(pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10d3), ())]
);

impl pci::Driver for Parent {
    type IdInfo = ();
    type Data<'bound> = ParentData<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        static CHILDREN: Atomic<u32> = Atomic::new(0);

        pdev.pcim_enable_device()?;
        pdev.set_master();
        let shared: Arc<Shared> = pdev.while_bound(|_| {
            let vectors = try_pin_init!(Vectors { managed <- new_mutex!(None) }? Error);
            KBox::pin_init(vectors, GFP_KERNEL)
        })?;
        let child = auxiliary::Registration::new(
            pdev.as_ref(),
            c"c",
            CHILDREN.fetch_add(1, Relaxed),
            MODULE_NAME,
            Ok::<_, Error>(()),
        )?;
        let mut data = ParentData {
            _child: Some(child),
        };
        if module_parameters::forgotten.value() {
            core::mem::forget(data._child.take());
        }
        for way in [explicit as Way, managed, add] {
            let shared = shared.clone();
            RUNNING.add(1, Relaxed);
            let spawned = workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
                travel(&shared, way);
                drop(shared);
                RUNNING.fetch_sub(1, Relaxed);
            });
            if spawned.is_err() {
                RUNNING.fetch_sub(1, Relaxed);
            }
            spawned?;
        }
        Ok(data)
    }
}

struct Child;

/// The threads of the child, which take all the routes of C.
struct Traffic(*mut c_void);

// SAFETY: Any thread may stop them.
unsafe impl Send for Traffic {}

impl Drop for Traffic {
    fn drop(&mut self) {
        // SAFETY: The threads were started, and nobody else stops them.
        unsafe { ownership_routes_end(self.0) };
    }
}

kernel::auxiliary_device_table!(
    CHILD_TABLE,
    <Child as auxiliary::Driver>::IdInfo,
    [(auxiliary::DeviceId::new(c"ownership_routes", c"rust"), ())]
);

impl auxiliary::Driver for Child {
    type IdInfo = ();
    type Data<'bound> = Traffic;

    const ID_TABLE: auxiliary::IdTable<Self::IdInfo> = &CHILD_TABLE;

    fn probe<'bound>(
        adev: &'bound auxiliary::Device<Core<'_>>,
        _info: &'bound Self::IdInfo,
    ) -> impl PinInit<Traffic, Error> + 'bound {
        let child = core::ptr::from_ref(adev).cast_mut().cast();
        // SAFETY: It is a `struct auxiliary_device`, and `Traffic` goes before its parent does.
        let traffic = unsafe { ownership_routes_begin(child) };
        if traffic.is_null() {
            return Err(ENOMEM);
        }
        Ok(Traffic(traffic))
    }
}

const MODULE_NAME: &CStr = <LocalModule as kernel::ModuleMetadata>::NAME;

#[pin_data]
struct Drivers {
    #[pin]
    _parent: driver::Registration<pci::Adapter<Parent>>,
    #[pin]
    _child: driver::Registration<auxiliary::Adapter<Child>>,
}

impl InPlaceModule for Drivers {
    fn init(module: &'static kernel::ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _parent <- driver::Registration::new(MODULE_NAME, module),
            _child <- driver::Registration::new(MODULE_NAME, module),
        })
    }
}

module! {
    type: Drivers,
    name: "ownership_routes_rust",
    authors: ["PCI devres in Rust developers"],
    description: "Every way of the typed API to the vectors of a device, at a time",
    license: "GPL v2",
    params: {
        forgotten: bool {
            default: false,
            description: "Whether the parent forgets its child",
        },
    },
}
