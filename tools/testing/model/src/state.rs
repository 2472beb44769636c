// SPDX-License-Identifier: GPL-2.0

//! The state of a device, its driver and its devres entries, as far as it concerns vectors.

use crate::rule::{Call, Owner};

/// The number of vectors: one, and one that is added later.
pub const VECTORS: usize = 2;

/// The driver core and the driver's callbacks on one CPU; a second task of the driver, or a reader of debugfs, on the other; and
/// the thread of an interrupt handler.
pub const CORE: usize = 0;
pub const OTHER: usize = 1;
pub const THREAD: usize = 2;
pub const TASKS: usize = 3;

/// A handler that is registered on a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Handler {
    #[default]
    None,
    /// All of the handler runs in the interrupt.
    Hard,
    /// The handler wakes a thread.
    Threaded,
}

/// The state of a vector's handler in the Rust registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Slot {
    #[default]
    None,
    Registered,
    Releasing,
}

/// A vector, its interrupt in genirq and its handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vector {
    pub present: bool,
    /// In the table of the device.
    pub masked: bool,
    /// In genirq.
    pub disabled: bool,
    pub handler: Handler,
    /// Whether devres frees the handler.
    pub devm: bool,
    pub slot: Slot,
    /// The guard through which the Rust driver has registered the handler.
    pub by: u8,
    /// The handler that runs in an interrupt. It may have been removed from the list already.
    pub runs: Handler,
    /// Whether its thread is awake.
    pub awake: bool,
    /// Whether the handler was there when a free was refused: it must not be called any more.
    pub hushed: bool,
}

/// An entry on the devres list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    MsiData,
    Node,
    /// The entry of a managed allocation, with its address.
    Managed(u8),
    GroupOpen,
    GroupClose,
    /// `devm_request_irq()` of a vector.
    Irq(u8),
    /// A devm action of the driver, which makes a call.
    Action(Call),
}

/// The node. Its memory is there as long as its entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Node {
    /// The address of the entry that frees the vectors.
    pub managed: Option<u8>,
    pub guard: Option<u8>,
    pub silenced: bool,
}

impl Node {
    pub fn owner(&self) -> Owner {
        match self.managed {
            None => Owner::Driver,
            Some(_) => Owner::Device,
        }
    }
}

/// The phase of the binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    #[default]
    Unbound,
    /// From `probe()` until `remove()` has returned.
    Bound,
    /// The driver's callbacks are over: its other tasks begin no calls any more.
    Removed,
    /// The PCI core has cleared its pointer to the driver; devres releases.
    Detaching,
}

/// The locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock {
    /// The mutex of the device's MSI descriptors.
    Descriptors,
    /// The spinlock of the devres list.
    Devres,
    /// The mutex of the Rust registry.
    Registry,
}

/// Faults that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    FreedUnderHandler,
    InterruptAfterRefusal,
    LeftAfterDetach,
    TwoOwners,
    BusyChangedOwner,
    ReadFreedNode,
}

/// The handlers that the Rust registry is told to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    All,
    Guard(u8),
    Vector(u8),
}

impl Which {
    pub fn wants(self, at: usize, vector: &Vector) -> bool {
        match self {
            Self::All => true,
            Self::Guard(id) => vector.by == id,
            Self::Vector(wanted) => usize::from(wanted) == at,
        }
    }
}

/// A guard of the Rust driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Guard {
    #[default]
    None,
    Held,
    /// The guard is in the call that frees it.
    Moved,
}

/// A step of a task. Each takes a lock and gives it back, or reads or writes one thing that others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Take(Lock),
    Give(Lock),

    /// Asks the owner whether vectors may be allocated.
    MayAlloc(Owner),
    SetUpData,
    Track,
    SetPointer(bool),
    AllocVectors,
    /// Records that vectors were allocated.
    DidAlloc(Owner),
    AddEntry {
        claim: bool,
    },
    /// Asks the owner whether a vector may be added.
    MayAdd,
    AddVector,
    /// An allocation was refused. The node has not changed.
    CompareNode(Node),

    /// Looks at who owns the vectors.
    Free(Call),
    /// Looks for a handler on them, with what was found before.
    LookForHandler(Call, Owner, bool),
    FreeVectors,
    FreeVector(u8),
    ResetNode,
    DestroyEntry(u8),

    /// Silences the device and each interrupt, with the descriptors locked.
    SetSilenced,
    MaskDevice,
    MaskVector(u8),
    Disable(u8),
    WaitForHard(u8),
    /// The call returns: no handler that was there is called from now on.
    Hush(u8),

    /// `free_irq()`: takes the handler out of the list, then waits for it and for its thread.
    Unlink(u8),
    WaitForHandler(u8),
    /// Releases handlers until none is left.
    ReleaseHandlers,

    /// Devres releases the entries that it has taken off the list, the newest first.
    ReleaseNext,
    FreeNode,

    /// The Rust driver: is the registry open?
    Open,
    SetGuard,
    Request(u8, Handler),
    Claim(u8),
    FreeGuarded(u8),
    /// Takes the next handler out of the registry, which is locked.
    Pick(Which),
    /// Waits for other tasks that are releasing handlers.
    Await(Which),
    Released(u8),
    Dropped,

    /// At detach the Rust driver's registry is closed and its data dropped. The rest is as in C.
    Close,
    AwaitDropped,
    DropDriverData,
    ClearDriver,
    MoveAll,
    Unbind,

    /// A reader of debugfs, with the lock of the devres list.
    ReadPointer,
    ReadNode,

    /// The thread of a handler ends.
    Sleep(u8),
}

/// The whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub phase: Phase,
    pub msi_data: bool,
    /// `msi_enabled` or `msix_enabled`.
    pub live: bool,
    /// Whether the device may send messages: MSI is enabled, MSI-X enabled and not masked.
    pub sends: bool,
    pub vectors: [Vector; VECTORS],
    /// A message on its way to a CPU.
    pub sent: Option<u8>,
    /// `struct pci_dev` points to the node.
    pub pointer: bool,
    /// The memory of the node has not been freed.
    pub memory: bool,
    pub node: Node,
    /// The owner according to the successful calls.
    pub due: Owner,
    pub devres: Vec<Entry>,
    /// The entries that devres is releasing.
    pub todo: Vec<Entry>,
    /// The task that holds each lock.
    pub held: [Option<u8>; 3],
    /// Whether the Rust registry takes calls, and how many handlers are out of it and not dropped.
    pub open: bool,
    pub dropping: u8,
    pub guards: [Guard; 2],
    /// The remaining steps of each task, the next one last.
    pub tasks: [Vec<Step>; TASKS],
    /// Whether the core is in a call that its driver serialises.
    pub alone: bool,
    /// The result of the reader of debugfs.
    pub found: bool,
    pub fault: Option<Fault>,
}

impl State {
    pub fn is_idle(&self, task: usize) -> bool {
        self.tasks[task].is_empty()
    }

    pub fn holder(&self, lock: Lock) -> Option<u8> {
        self.held[lock as usize]
    }

    /// Returns whether a task can take the lock.
    pub fn is_free(&self, lock: Lock, task: usize) -> bool {
        self.holder(lock).is_none_or(|holder| usize::from(holder) == task)
    }

    pub fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Returns the node that the device points to, if vectors are live.
    pub fn live_node(&self) -> Option<&Node> {
        (self.live && self.pointer).then_some(&self.node)
    }

    pub fn owner(&self) -> Owner {
        self.live_node().map_or(Owner::None, Node::owner)
    }

    /// Returns the lowest vector with a handler.
    pub fn handled(&self) -> Option<u8> {
        let mut all = self.vectors.iter();
        let found = all.position(|v| v.present && v.handler != Handler::None);
        found.and_then(|at| at.try_into().ok())
    }

    pub fn is_handled(&self) -> bool {
        self.handled().is_some()
    }

    pub fn vector(&mut self, at: u8) -> &mut Vector {
        &mut self.vectors[usize::from(at)]
    }

    pub fn add(&mut self, entry: Entry) {
        self.devres.push(entry);
    }

    /// Returns an address that no entry has.
    pub fn new_address(&self) -> u8 {
        let taken = |id| {
            let all = self.devres.iter().chain(&self.todo);
            all.into_iter().any(|entry| *entry == Entry::Managed(id))
        };
        (0..).find(|id| !taken(*id)).expect("there are few entries")
    }

    /// Returns whether anything is left that detach should have removed. A message that is on its way does not count.
    pub fn is_anything_left(&self) -> bool {
        let used = |v: &Vector| *v != Vector::default();
        self.vectors.iter().any(used)
            || self.live
            || self.sends
            || self.pointer
            || self.memory
            || self.msi_data
            || !self.devres.is_empty()
            || !self.todo.is_empty()
    }
}
