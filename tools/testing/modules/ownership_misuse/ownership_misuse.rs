// SPDX-License-Identifier: GPL-2.0

//! Safe programs that misuse the API, and checks of what they cause.
//!
//! The driver binds to QEMU's `edu` (MSI) and `e1000e` (MSI-X), and prints the results as KTAP each
//! time. The compiler refuses none of this, and there is no `unsafe` in it: arguments that make no
//! sense, calls from unexpected places, and values that are leaked in ways other than `forget()`.
//!
//! Faults in destructors and in `unbind()`, which cannot return a result, are counted, and make the
//! first case of the next bind fail.

use core::mem::{
    forget,
    ManuallyDrop, //
};
use kernel::{
    auxiliary,
    device::{
        Bound,
        Core, //
    },
    devres::Devres,
    io::{
        poll::read_poll_timeout,
        Io, //
    },
    irq::{
        self,
        Flags, //
    },
    new_mutex, new_spinlock,
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
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce,
        SpinLock, //
    },
    time::Delta,
    types::{
        CovariantForLt,
        ForLt, //
    },
};

const MODULE_NAME: &CStr = <LocalModule as kernel::ModuleMetadata>::NAME;
const CHILD_NAME: &CStr = c"child";

type Device<'c> = pci::Device<Core<'c>>;

/// The number of faults since the last bind.
static WRONG: Atomic<u32> = Atomic::new(0);
/// The number of handlers with a destructor that exist.
static HANDLERS: Atomic<u32> = Atomic::new(0);
/// How often one of these handlers has run.
static CALLS: Atomic<u32> = Atomic::new(0);

/// Raises an interrupt of `edu` when written with a reason.
const IRQ_RAISE: usize = 0x60;
/// Lowers it when written with the reason.
const IRQ_ACKNOWLEDGE: usize = 0x64;

/// Counts a fault in a place that cannot return a result.
macro_rules! expect {
    ($condition:expr) => {
        if !$condition {
            pr_info!("# line {}: {}\n", line!(), stringify!($condition));
            WRONG.add(1, Relaxed);
        }
    };
}

/// Fails the case and says which line.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            pr_info!("    # line {}: {}\n", line!(), stringify!($condition));
            return Err(EINVAL);
        }
    };
}

/// MSI-X or MSI, whichever the device has.
fn messages() -> IrqTypes {
    IrqTypes::default().with(IrqType::Msi).with(IrqType::MsiX)
}

fn intx() -> IrqTypes {
    IrqType::Intx.into()
}

/// Returns whether vectors can be allocated, that is, whether none are live.
fn is_free(pdev: &Device<'_>) -> bool {
    pdev.alloc_irq_vectors(1, 1, messages()).is_ok()
}

struct Quiet;

impl irq::Handler for Quiet {
    fn handle(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

impl irq::ThreadedHandler for Quiet {
    fn handle_threaded(&self) -> irq::IrqReturn {
        irq::IrqReturn::Handled
    }
}

/// Data that any code may use while the driver is bound.
type Shared = pci::WhileBound<ForLt!(ManagedBar<'_>)>;

/// The data that the driver of a child, in another module, gets.
type Handed = (Arc<pci::WhileBound<ForLt!(())>>, Arc<Offered>, Arc<Late>);

/// A managed resource of the parent that is newer than the child.
type Late = SetOnce<Devres<u32>>;

/// The function of the child's driver that the parent calls, if it is there.
type Offered = SpinLock<Option<fn(&Device<'_>)>>;

/// The data that the first bind of `e1000e` lends. Its driver may be bound or not. The data is
/// never dropped.
static LENT: SetOnce<Arc<Shared>> = SetOnce::new();

/// A handler that makes every call for which it has a value, when it runs and in its destructor.
struct CallsBack<'c> {
    bar: ManagedBar<'c>,
    shared: Option<Arc<Shared>>,
}

impl<'c> CallsBack<'c> {
    fn new(bar: ManagedBar<'c>, shared: Option<Arc<Shared>>) -> Self {
        HANDLERS.add(1, Relaxed);
        Self { bar, shared }
    }

    /// A caller that uses lent data may have to wait for this handler, which must not wait for
    /// itself. That is also so for data of another device, because the two can share an interrupt.
    fn is_refused(&self) -> bool {
        let mut lent = Iterator::chain(self.shared.iter(), LENT.as_ref());
        lent.all(|shared| shared.with(|_, _| ()).err() == Some(EDEADLK))
    }
}

impl irq::Handler for CallsBack<'_> {
    fn handle(&self) -> irq::IrqReturn {
        let _ = self.bar.try_write32(1, IRQ_ACKNOWLEDGE);
        expect!(self.is_refused());
        CALLS.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

impl irq::ThreadedHandler for CallsBack<'_> {
    fn handle_threaded(&self) -> irq::IrqReturn {
        let _ = self.bar.try_write32(1, IRQ_ACKNOWLEDGE);
        expect!(self.is_refused());
        CALLS.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

impl Drop for CallsBack<'_> {
    fn drop(&mut self) {
        expect!(self.bar.try_read32(0).is_ok());
        if let Some(shared) = &self.shared {
            // While the driver is bound this is a normal call.
            let errno = shared.with(|_, bar| bar.try_read32(0).is_ok()).err();
            expect!(errno.is_none_or(|errno| errno == ENODEV));
        }
        HANDLERS.fetch_sub(1, Relaxed);
    }
}

fn last_unbind_was_right(_pdev: &Device<'_>) -> Result {
    check!(WRONG.xchg(0, Relaxed) == 0);
    check!(HANDLERS.load(Relaxed) == 0);
    Ok(())
}

/// Vectors that are not spread cannot be more than all vectors, also if the sum of the two numbers
/// overflows.
fn spread_is_bounded(pdev: &Device<'_>) -> Result {
    const MAX: u32 = u32::MAX;
    let binding = pdev.binding()?;

    for (pre_vectors, post_vectors) in [(2, 0), (0, 2), (1, MAX), (MAX, 1), (MAX, MAX)] {
        let affinity = IrqAffinity {
            pre_vectors,
            post_vectors,
        };
        for min in [0, 1] {
            let explicit = binding.alloc_irq_vectors_affinity(min, 5, messages(), affinity);
            check!(explicit.is_err());
            let managed = binding.pcim_alloc_irq_vectors_affinity(min, 5, messages(), affinity);
            check!(managed.is_err());
            check!(is_free(pdev));
        }
    }
    Ok(())
}

/// Large numbers do not become negative in C.
fn minimum_is_kept(pdev: &Device<'_>) -> Result {
    const MAX: u32 = u32::MAX;

    for (min, max) in [(MAX, 5), (1 << 31, 5), (1 << 31, 1 << 31), (MAX, MAX)] {
        check!(pdev.alloc_irq_vectors(min, max, messages()).is_err());
        check!(is_free(pdev));
    }
    let vectors = pdev.alloc_irq_vectors(1, MAX, messages())?;
    check!(vectors.len() >= 1);
    Ok(())
}

fn far_indexes_are_refused(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    for index in [2048, 0xffff, 0x1_0000, u32::MAX as usize, usize::MAX] {
        check!(vectors.index(index).err() == Some(EINVAL));
        check!(vectors.add_vector(Some(index)).is_err());
    }
    check!(vectors.index(0).is_ok());
    Ok(())
}

/// A range whose registers could not be read cannot be mapped.
fn crooked_ranges_are_refused(pdev: &Device<'_>) -> Result {
    let managed = pdev.pcim_enable_device()?;
    for (offset, len) in [(1, 4), (2, 4), (0, 3), (0, 6), (4, 1)] {
        check!(managed.iomap_range(0, offset, len).err() == Some(EINVAL));
    }
    check!(managed.iomap_range(0, 4, 8).is_ok());
    Ok(())
}

#[pin_data]
struct Nested {
    calls: Atomic<u32>,
}

impl irq::Handler for Nested {
    fn handle(&self) -> irq::IrqReturn {
        self.calls.add(1, Relaxed);
        irq::IrqReturn::Handled
    }
}

/// While a handler is initialised, the device can be used, and its vector taken.
fn initialiser_calls_back(pdev: &Device<'_>) -> Result {
    let guard = pdev.alloc_irq_vectors(1, 1, messages())?;
    let vectors = &guard;
    let outer = vectors.index(0)?.request(
        pdev,
        Flags::SHARED,
        c"misuse",
        try_pin_init!(Nested {
            calls: Atomic::new(0),
            _: {
                if is_free(pdev) {
                    return Err(EIO);
                }
                vectors
                    .index(0)?
                    .request(pdev, Flags::SHARED, c"misuse", Ok(Quiet))?
                    .until_unbind();
            },
        }? Error),
    );
    check!(outer.is_ok());
    drop(outer);
    drop(guard);
    check!(is_free(pdev));
    Ok(())
}

fn handlers_share_a_vector(pdev: &Device<'_>) -> Result {
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    let request = || {
        vectors
            .index(0)?
            .request(pdev, Flags::SHARED, c"misuse", Ok(Quiet))
    };
    let first = request()?;
    let threaded = vectors
        .index(0)?
        .request_threaded(pdev, Flags::SHARED, c"misuse", Ok(Quiet))?;
    let last = request()?;
    drop(threaded);
    forget(first);
    drop(last);
    forget(request()?);
    drop(vectors);
    check!(is_free(pdev));
    Ok(())
}

/// The handler of the INTx line stays while MSI vectors are allocated and freed.
fn line_and_messages(pdev: &Device<'_>) -> Result {
    let request = |line: &IrqVectorRegistration<'_>| {
        line.index(0)?
            .request(pdev, Flags::SHARED, c"misuse", Ok(Quiet))
            .map(IrqHandle::until_unbind)
    };

    pdev.pcim_enable_device()?;
    let line = pdev.alloc_irq_vectors(1, 1, intx())?;
    request(&line)?;
    for _ in 0..2 {
        let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
        request(&vectors)?;
        request(&line)?;
        check!(line.index(0)?.irq() != vectors.index(0)?.irq());
        vectors.free().map_err(|(e, _)| e)?;
    }
    check!(line.free().is_ok());
    check!(is_free(pdev));
    Ok(())
}

/// Lends a BAR to whoever has the value that is returned.
fn share(pdev: &Device<'_>, bar: ManagedBar<'_>) -> Result<Arc<Shared>> {
    pdev.while_bound(|lend| Ok(KBox::pin(lend.bar(bar)?, GFP_KERNEL)?))
}

/// A handler has a value that can free its vectors, and cannot use it. Only `edu` can raise its
/// interrupt.
fn handler_does_not_wait_for_itself(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
    pdev.set_master();
    let shared = share(pdev, bar)?;
    for threaded in [false, true] {
        let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
        let (vector, name) = (vectors.index(0)?, c"misuse");
        let handler = Ok(CallsBack::new(bar, Some(shared.clone())));
        let handle = if threaded {
            vector.request_threaded(pdev, Flags::ONESHOT, name, handler)
        } else {
            vector.request(pdev, Flags::TRIGGER_NONE, name, handler)
        }?;
        let before = CALLS.load(Relaxed);
        if pdev.device_id() == 0x11e8 {
            bar.try_write32(1, IRQ_RAISE)?;
            read_poll_timeout(
                || Ok(CALLS.load(Relaxed)),
                |now| *now != before,
                Delta::from_micros(100),
                Delta::from_secs(10),
            )?;
            bar.try_write32(1, IRQ_ACKNOWLEDGE)?;
        }
        drop(handle);
        check!(HANDLERS.load(Relaxed) == 0);
    }
    Ok(())
}

/// Data that another device lends does not serve this driver, whether the other driver is bound or
/// not.
fn other_devices_data_is_refused(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
    let own = share(pdev, bar)?;
    check!(own.with_core(pdev, |_, _| ()).is_ok());
    if let Some(lent) = LENT.as_ref().filter(|_| pdev.device_id() == 0x11e8) {
        check!(lent.with_core(pdev, |_, _| ()).err() == Some(EINVAL));
    }
    Ok(())
}

/// When a handler is dropped without having been registered, its destructor may use lent data.
fn failed_handler_calls_back(pdev: &Device<'_>) -> Result {
    let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
    let shared = share(pdev, bar)?;
    let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
    let handler = || Ok(CallsBack::new(bar, Some(shared.clone())));
    let first = vectors
        .index(0)?
        .request(pdev, Flags::TRIGGER_NONE, c"misuse", handler())?;
    let second = vectors
        .index(0)?
        .request(pdev, Flags::TRIGGER_NONE, c"misuse", handler());
    check!(second.err() == Some(EBUSY));
    check!(HANDLERS.load(Relaxed) == 1);
    drop(first);
    check!(HANDLERS.load(Relaxed) == 0);
    Ok(())
}

type Case = (&'static str, fn(&Device<'_>) -> Result);

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name as fn(&Device<'_>) -> Result)),*]
    };
}

const CASES: &[Case] = cases![
    last_unbind_was_right,
    spread_is_bounded,
    minimum_is_kept,
    far_indexes_are_refused,
    crooked_ranges_are_refused,
    initialiser_calls_back,
    handlers_share_a_vector,
    line_and_messages,
    handler_does_not_wait_for_itself,
    other_devices_data_is_refused,
    failed_handler_calls_back,
];

const UNMAPPED_CASES: &[Case] = cases![last_unbind_was_right, unmapped_line_is_refused];

/// The values of driver data, in places from which they can be taken and forgotten.
struct Kept<'bound> {
    guard: Option<IrqVectorRegistration<'bound>>,
    converted_late: Option<IrqVectorRegistration<'bound>>,
    leaked: Option<&'bound IrqVectorRegistration<'bound>>,
    handle: Option<IrqHandle<'bound, CallsBack<'bound>>>,
    borrows: Option<IrqHandle<'bound, Quiet>>,
    never_dropped: ManuallyDrop<Option<IrqHandle<'bound, CallsBack<'bound>>>>,
}

#[pin_data(PinnedDrop)]
struct Data<'bound> {
    pdev: &'bound pci::Device<Bound>,
    binding: pci::Binding<'bound>,
    shared: Arc<Shared>,
    bar: ManagedBar<'bound>,
    /// The function that the child's driver makes this driver call.
    offered: Arc<Offered>,
    #[pin]
    kept: Mutex<Kept<'bound>>,
}

#[pinned_drop]
impl PinnedDrop for Data<'_> {
    fn drop(self: Pin<&mut Self>) {
        expect!(HANDLERS.load(Relaxed) == 0);
        expect!(self.bar.try_read32(0).is_ok());
        expect!(self.shared.with(|_, _| ()).err() == Some(ENODEV));
        expect!(self.pdev.irq_vector_count(IrqType::Intx).is_ok());
        let late = self.binding.alloc_irq_vectors(1, 1, messages());
        expect!(late.err() == Some(ENODEV));
        let late = self.binding.pcim_alloc_irq_vectors(1, 1, messages());
        expect!(late.err() == Some(ENODEV));
        let mut kept = self.kept.lock();
        if let Some(handle) = kept.handle.take() {
            // The handler is gone.
            expect!(handle.handler().err() == Some(ENODEV));
        }
        // The device does not take over vectors any more, so the guard frees them.
        if let Some(guard) = kept.converted_late.take() {
            expect!(guard.index(0).is_ok());
            expect!(guard.into_managed().is_err_and(|(e, _)| e == ENODEV));
        }
    }
}

/// Registers a handler that calls back, on vectors that the device owns.
fn register<'a, 'c>(pdev: &'a Device<'c>) -> Result<IrqHandle<'a, CallsBack<'c>>> {
    let bar = pdev.pcim_enable_device()?.iomap_range(0, 0, 0x100)?;
    let shared = share(pdev, bar)?;
    let vectors = pdev.pcim_alloc_irq_vectors(1, 1, messages())?;
    let handler = Ok(CallsBack::new(bar, Some(shared)));
    vectors
        .index(0)?
        .request(pdev, Flags::TRIGGER_NONE, c"misuse", handler)
}

/// Leaves behind what bind number `bind` is to leave.
fn leave<'bound>(
    pdev: &'bound Device<'_>,
    bind: u32,
    offered: &Arc<Offered>,
) -> Result<Kept<'bound>> {
    let mut kept = Kept {
        guard: None,
        converted_late: None,
        leaked: None,
        handle: None,
        borrows: None,
        never_dropped: ManuallyDrop::new(None),
    };
    match bind {
        // A guard that driver data converts when it is dropped.
        0 => kept.converted_late = Some(pdev.alloc_irq_vectors(1, 1, messages())?),
        // Explicit vectors, which unbind() exchanges for managed ones.
        1 => {
            let guard = pdev.alloc_irq_vectors(1, 1, messages())?;
            guard
                .index(0)?
                .request(pdev, Flags::TRIGGER_NONE, c"misuse", Ok(Quiet))?
                .until_unbind();
            kept.guard = Some(guard);
        }
        // A guard that was leaked, and a handle that borrows it.
        2 => {
            let guard = KBox::new(pdev.alloc_irq_vectors(1, 1, messages())?, GFP_KERNEL)?;
            let guard: &'bound IrqVectorRegistration<'bound> = KBox::leak(guard);
            kept.borrows = Some(guard.index(0)?.request(
                pdev,
                Flags::TRIGGER_NONE,
                c"misuse",
                Ok(Quiet),
            )?);
            kept.leaked = Some(guard);
        }
        // This does the same without a destructor.
        3 => kept.never_dropped = ManuallyDrop::new(Some(register(pdev)?)),
        // Probe fails, and nothing refers to the handler any more.
        4 => {
            forget(register(pdev)?);
            return Err(EIO);
        }
        // The initialiser of driver data fails later.
        5 => forget(register(pdev)?),
        // A handle that driver data drops when the handler is gone.
        6 => kept.handle = Some(register(pdev)?),
        // A child that is never unregistered has a value with which it can act as the driver.
        7 | 9 => {
            let late = Arc::new(Late::new(), GFP_KERNEL)?;
            let handed = (
                pdev.while_bound::<ForLt!(())>(|_| Ok(KBox::pin((), GFP_KERNEL)?))?,
                offered.clone(),
                late.clone(),
            );
            forget(auxiliary::Registration::<CovariantForLt!(Handed)>::new(
                pdev.as_ref(),
                CHILD_NAME,
                u32::from(pdev.device_id()) | bind << 16,
                MODULE_NAME,
                Ok::<_, Error>(handed),
            )?);
            late.populate(Devres::<u32>::new(pdev.as_ref(), Ok::<_, Error>(1))?);
        }
        _ => (),
    }
    Ok(kept)
}

/// How often each of the two devices was bound.
static BINDS: [Atomic<u32>; 2] = [Atomic::new(0), Atomic::new(0)];

/// The number of the bind in which the device has MSI vectors when it is enabled, so that x86 does
/// not map its line.
const UNMAPPED: u32 = 8;

/// A line that is not mapped cannot be used: its number may be that of another device's interrupt.
fn unmapped_line_is_refused(pdev: &Device<'_>) -> Result {
    for types in [intx(), IrqTypes::all()] {
        // INTx is not allocated in place of live vectors, and MSI vectors are not allocated a
        // second time.
        let vectors = pdev.alloc_irq_vectors(1, 1, messages())?;
        check!(pdev.alloc_irq_vectors(1, 1, types).err() == Some(EBUSY));
        drop(vectors);
    }
    check!(pdev.alloc_irq_vectors(1, 1, intx()).err() == Some(ENOSPC));
    check!(pdev.pcim_alloc_irq_vectors(1, 1, intx()).err() == Some(ENOSPC));
    check!(is_free(pdev));
    Ok(())
}

/// Runs the cases and prints their results; returns how often the device was bound before.
fn run_cases(pdev: &Device<'_>, device: usize) -> Result<u32> {
    let bind = BINDS.get(device).ok_or(EINVAL)?.fetch_add(1, Relaxed);
    let cases = if bind == UNMAPPED {
        UNMAPPED_CASES
    } else {
        CASES
    };
    let name = if device == 0 { "edu" } else { "e1000e" };

    pr_info!("KTAP version 1\n");
    pr_info!("1..1\n");
    pr_info!("    KTAP version 1\n");
    pr_info!("    # Subtest: {}_bind_{}\n", name, bind);
    pr_info!("    1..{}\n", cases.len());
    let mut failed = 0;
    for (i, (name, case)) in cases.iter().enumerate() {
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
    pr_info!("{}ok 1 {}_bind_{}\n", not, name, bind);
    Ok(bind)
}

struct Driver;

kernel::pci_device_table!(
    PCI_TABLE,
    <Driver as pci::Driver>::IdInfo,
    [
        (pci::DeviceId::from_numbers(0x1234, 0x11e8), 0),
        (pci::DeviceId::from_id(pci::Vendor::INTEL, 0x10d3), 1),
    ]
);

impl pci::Driver for Driver {
    type IdInfo = usize;
    type Data<'bound> = Data<'bound>;

    const ID_TABLE: pci::IdTable<Self::IdInfo> = &PCI_TABLE;

    fn probe<'bound>(
        pdev: &'bound Device<'_>,
        info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        pin_init::pin_init_scope(move || {
            let device = *info.ok_or(EINVAL)?;
            // This comes first: an INTx line that is mapped stays mapped if the device is disabled
            // while it has vectors.
            let late = BINDS.get(device).ok_or(EINVAL)?.load(Relaxed) == UNMAPPED;
            let vectors = late.then(|| pdev.alloc_irq_vectors(1, 1, messages()));
            let managed = pdev.pcim_enable_device()?;
            drop(vectors);
            let bind = run_cases(pdev, device)?;
            let bar = managed.iomap_region(0, c"misuse")?;
            let offered = Arc::pin_init(new_spinlock!(None), GFP_KERNEL)?;
            let kept = leave(pdev, bind, &offered)?;
            let binding = pdev.binding()?;
            let shared = share(pdev, bar)?;
            if device == 1 {
                LENT.populate(shared.clone());
            }

            Ok(try_pin_init!(Data {
                pdev,
                binding,
                shared,
                bar,
                offered,
                kept <- new_mutex!(kept),
                _: {
                    if bind == 5 {
                        return Err(EIO);
                    }
                },
            }? Error))
        })
    }

    fn unbind<'bound>(pdev: &'bound Device<'_>, this: Pin<&Data<'bound>>) {
        let offered = *this.offered.lock();
        if let Some(offered) = offered {
            offered(pdev);
        }
        let read = this
            .shared
            .with_core(pdev, |_, bar| bar.try_read32(0).is_ok());
        expect!(read == Ok(true));
        let mut kept = this.kept.lock();
        if let Some(guard) = kept.guard.take() {
            expect!(guard.free().is_ok());
            match register(pdev) {
                Ok(handle) => kept.handle = Some(handle),
                Err(_) => expect!(false),
            }
        }
        drop(kept);
        let was_free = is_free(pdev);
        expect!(register(pdev).map(IrqHandle::until_unbind).is_ok() == was_free);
    }
}

kernel::module_pci_driver! {
    type: Driver,
    name: "ownership_misuse",
    authors: ["PCI devres in Rust developers"],
    description: "Safe programs that should not work",
    license: "GPL v2",
}
