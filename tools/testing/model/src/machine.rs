// SPDX-License-Identifier: GPL-2.0

//! The steps of the calls, as `rust/kernel/pci/ownership.rs`, `drivers/pci/msi/ownership.c`, the MSI core and the Rust registry
//! take them.

use crate::{
    rule::{Call, Decision, Owner, Row, Rule},
    state::{
        Entry, Fault, Guard, Handler,
        Lock::{Descriptors, Devres, Registry},
        Node, Phase, Slot, State, Step, Vector, Which, VECTORS,
    },
};

/// A part of the model that is explored at a time, because all of it would have too many states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A C driver with devres groups and devm actions, memory that runs out, and a reader of debugfs. Handlers never run.
    Devres,
    /// A C driver whose device interrupts: handlers run on another CPU, in interrupts and threads; a vector is added and freed.
    Interrupts,
    /// A Rust driver with two tasks, whose device interrupts, and C code that frees its vectors.
    Rust,
}

impl Setting {
    /// Returns the setting in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Devres => "C driver, devres groups and actions, want of memory, a reader of debugfs",
            Self::Interrupts => "C driver, interrupts and threads on another CPU, a vector that is added",
            Self::Rust => "Rust driver, two tasks, interrupts and threads, frees from C, want of memory",
        }
    }
}

/// A deliberate fault, with which a property must fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    FreeLooksForNoHandler,
    FreeWaitsForNoRelease,
    ContainmentFreesFirst,
    SilenceLeavesGenirq,
    SilenceLeavesDevice,
    ResumeForgetsSilence,
    NodeFreesNothing,
    DataWithoutNode,
    DetachAllocates,
    StaleEntryFrees,
    BusyResetsNode,
    SilenceWaitsForThreads,
    ReleasesUnderLock,
    PointerWithoutLock,
}

/// The machine, which decides by the rule and takes steps.
#[derive(Clone, Debug)]
pub struct Machine {
    pub rule: Rule,
    pub setting: Setting,
    pub broken: Option<Broken>,
}

impl Machine {
    fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// Returns whether the next step of a task can be taken now.
    pub fn can_step(&self, s: &State, task: usize) -> bool {
        let Some(step) = s.tasks[task].last() else {
            return false;
        };
        let vector = |at: u8| &s.vectors[usize::from(at)];
        match *step {
            Step::Take(lock) => s.holder(lock).is_none(),
            Step::AllocVectors
            | Step::AddVector
            | Step::LookForHandler(..)
            | Step::FreeVectors
            | Step::FreeVector(_)
            | Step::ReleaseHandlers => s.is_free(Descriptors, task),
            Step::SetPointer(_) => s.is_free(Devres, task) || self.is(Broken::PointerWithoutLock),
            Step::AddEntry { .. } | Step::DestroyEntry(_) | Step::MoveAll => s.is_free(Devres, task),
            Step::WaitForHard(at) => {
                vector(at).runs == Handler::None && !(self.is(Broken::SilenceWaitsForThreads) && vector(at).awake)
            }
            Step::WaitForHandler(at) => vector(at).runs == Handler::None && !vector(at).awake,
            Step::Await(which) => s.is_free(Registry, task) && !wanted(s, which, Slot::Releasing),
            Step::AwaitDropped => s.is_free(Registry, task) && s.dropping == 0,
            Step::DropDriverData => s.is_idle(crate::state::OTHER),
            _ => true,
        }
    }

    /// Returns whether the next step of a task can fail because memory or another resource is missing.
    pub fn can_fail(&self, s: &State, task: usize) -> bool {
        match s.tasks[task].last() {
            _ if self.setting == Setting::Interrupts => false,
            Some(Step::SetUpData) => !s.pointer,
            Some(Step::Track) => !s.pointer && self.is(Broken::DataWithoutNode),
            Some(Step::AllocVectors | Step::AddEntry { .. }) => true,
            // The driver forgets its guards.
            Some(Step::DropDriverData) => s.guards.contains(&Guard::Held),
            _ => false,
        }
    }

    /// Takes the next step of a task, which can be taken.
    pub fn step(&self, s: &mut State, task: usize, fails: bool) {
        let Some(step) = s.tasks[task].pop() else {
            return;
        };
        match step {
            Step::Take(lock) => s.held[lock as usize] = u8::try_from(task).ok(),
            Step::Give(lock) => s.held[lock as usize] = None,

            Step::MayAlloc(owner) => self.may_alloc(s, task, owner),
            Step::SetUpData | Step::Track if fails => abort(s, task),
            Step::SetUpData => {
                if !s.msi_data {
                    s.msi_data = true;
                    s.devres.push(Entry::MsiData);
                }
            }
            Step::Track => {
                if !s.pointer {
                    s.node = Node::default();
                    s.memory = true;
                    s.devres.push(Entry::Node);
                    s.tasks[task].push(Step::SetPointer(true));
                }
            }
            Step::SetPointer(pointer) => s.pointer = pointer,
            Step::AllocVectors if fails => abort(s, task),
            Step::AllocVectors => {
                s.live = true;
                s.sends = true;
                s.vectors[0].present = true;
            }
            Step::DidAlloc(owner) => {
                s.node = Node::default();
                s.due = owner;
                if owner == Owner::Device {
                    s.tasks[task].push(Step::AddEntry { claim: false });
                }
            }
            Step::AddEntry { claim } if fails => {
                if !claim {
                    abort(s, task);
                    s.tasks[task].push(Step::FreeVectors);
                }
            }
            Step::AddEntry { .. } => {
                let address = s.new_address();
                s.devres.push(Entry::Managed(address));
                s.node.managed = Some(address);
                s.due = Owner::Device;
            }
            Step::MayAdd => {
                let call = if s.phase == Phase::Detaching { Call::AddDetaching } else { Call::AddOne };
                let row = self.rule.row_without_looking(call, s.owner(), s.node.guard.is_some());
                if row.is_some_and(|row| row.decision == Decision::Added) {
                    s.tasks[task].push(Step::AddVector);
                }
            }
            Step::AddVector => s.vectors[1].present = true,
            Step::CompareNode(node) => {
                if s.node != node {
                    s.fail(Fault::BusyChangedOwner);
                }
            }

            Step::Free(call) => self.free(s, task, call),
            Step::LookForHandler(call, owner, guard) => {
                let handler = match call {
                    Call::FreeOne => s.vectors[1].handler != Handler::None,
                    _ => s.is_handled(),
                };
                let handler = handler && !self.is(Broken::FreeLooksForNoHandler);
                if let Some(row) = self.rule.row(call, owner, guard, handler) {
                    self.carry_out(s, task, row);
                }
            }
            Step::FreeVectors => {
                let used = |v: &Vector| v.handler != Handler::None || v.runs != Handler::None || v.awake;
                if s.vectors.iter().any(used) {
                    s.fail(Fault::FreedUnderHandler);
                }
                s.vectors = Default::default();
                s.live = false;
                s.sends = false;
                s.due = Owner::None;
            }
            Step::FreeVector(at) => {
                if s.vector(at).handler != Handler::None || s.vector(at).runs != Handler::None {
                    s.fail(Fault::FreedUnderHandler);
                }
                *s.vector(at) = Vector::default();
            }
            Step::ResetNode => s.node = Node::default(),
            Step::DestroyEntry(address) => {
                s.devres.retain(|entry| *entry != Entry::Managed(address));
            }

            Step::SetSilenced => s.node.silenced = true,
            Step::MaskDevice => s.sends = self.is(Broken::SilenceLeavesDevice),
            Step::MaskVector(at) => s.vector(at).masked = true,
            Step::Disable(at) => {
                s.vector(at).disabled = !self.is(Broken::SilenceLeavesGenirq);
            }
            Step::Hush(at) => {
                let vector = s.vector(at);
                vector.hushed = vector.handler != Handler::None;
                if vector.runs != Handler::None && vector.hushed {
                    s.fail(Fault::InterruptAfterRefusal);
                }
            }

            Step::Unlink(at) => {
                let vector = s.vector(at);
                if vector.handler != Handler::None {
                    vector.handler = Handler::None;
                    vector.devm = false;
                    vector.hushed = false;
                    s.tasks[task].push(Step::WaitForHandler(at));
                }
            }
            Step::ReleaseHandlers => {
                if let Some(at) = s.handled() {
                    s.tasks[task].extend([Step::ReleaseHandlers, Step::Unlink(at)]);
                }
            }

            Step::ReleaseNext => self.release_next(s, task),
            Step::FreeNode => {
                s.memory = false;
                s.node = Node::default();
            }

            Step::Open => {
                if !s.open {
                    s.tasks[task].clear();
                    s.held[Registry as usize] = None;
                }
            }
            Step::SetGuard => {
                let free = s.guards.iter().position(|guard| *guard == Guard::None);
                if let Some(id) = free.filter(|_| s.live) {
                    s.guards[id] = Guard::Held;
                    s.node.guard = u8::try_from(id).ok();
                }
            }
            Step::Request(at, handler) => request(s, at, handler),
            Step::Claim(id) => {
                if is_guarded(s, id) && s.owner() == Owner::Driver {
                    s.tasks[task].push(Step::AddEntry { claim: true });
                }
            }
            Step::FreeGuarded(id) => {
                s.guards[usize::from(id)] = Guard::None;
                if is_guarded(s, id) {
                    s.tasks[task].push(Step::Free(Call::FreeGuard));
                }
            }
            Step::Pick(which) => self.pick(s, task, which),
            Step::Await(which) => {
                s.held[Registry as usize] = u8::try_from(task).ok();
                s.tasks[task].push(Step::Pick(which));
            }
            Step::Released(at) => {
                s.vector(at).slot = Slot::None;
                s.dropping += 1;
            }
            Step::Dropped => s.dropping -= 1,

            Step::Close => s.open = false,
            Step::DropDriverData => {
                s.phase = Phase::Removed;
                for id in 0..s.guards.len() {
                    if s.guards[id] == Guard::Held {
                        s.guards[id] = if fails { Guard::None } else { Guard::Moved };
                        if !fails {
                            s.tasks[task].extend(free_guard(u8::try_from(id).unwrap_or_default()));
                        }
                    }
                }
            }
            Step::ClearDriver => s.phase = Phase::Detaching,
            Step::MoveAll => s.todo = std::mem::take(&mut s.devres),
            Step::Unbind => {
                if s.is_anything_left() {
                    s.fail(Fault::LeftAfterDetach);
                }
                s.phase = Phase::Unbound;
            }

            Step::ReadPointer => {
                s.found = s.pointer;
            }
            Step::ReadNode => {
                if s.found && !s.memory {
                    s.fail(Fault::ReadFreedNode);
                }
                s.found = false;
            }
            Step::Sleep(at) => s.vector(at).awake = false,
            Step::WaitForHard(_) | Step::WaitForHandler(_) | Step::AwaitDropped => {}
        }
    }

    fn may_alloc(&self, s: &mut State, task: usize, owner: Owner) {
        let before = s.node;
        if self.is(Broken::BusyResetsNode) {
            s.node = Node::default();
        }
        let call = if s.phase == Phase::Detaching && !self.is(Broken::DetachAllocates) {
            Call::AllocDetaching
        } else if owner == Owner::Device {
            Call::AllocManaged
        } else {
            Call::AllocExplicit
        };
        let row = self.rule.row_without_looking(call, s.owner(), s.node.guard.is_some());
        if row.is_some_and(|row| row.decision == Decision::Allocated) {
            s.tasks[task].extend([Step::DidAlloc(owner), Step::AllocVectors, Step::Track, Step::SetUpData]);
        } else {
            skip_guard(s, task);
            s.tasks[task].push(Step::CompareNode(before));
        }
    }

    fn free(&self, s: &mut State, task: usize, call: Call) {
        let Some(node) = s.live_node().copied() else {
            return;
        };
        if call == Call::Detach && node.owner() == Owner::Driver && self.is(Broken::NodeFreesNothing) {
            return;
        }
        let guard = node.guard.is_some();
        match self.rule.row_without_looking(call, node.owner(), guard) {
            Some(row) => self.carry_out(s, task, row),
            None => s.tasks[task].push(Step::LookForHandler(call, node.owner(), guard)),
        }
    }

    /// Carries out a decision.
    fn carry_out(&self, s: &mut State, task: usize, row: Row) {
        let steps = &mut s.tasks[task];
        match row.decision {
            Decision::Freed => {
                if !matches!(row.call, Call::ReleaseGroup | Call::Detach) {
                    steps.extend(s.node.managed.map(Step::DestroyEntry));
                    steps.push(Step::ResetNode);
                }
                steps.push(Step::FreeVectors);
            }
            Decision::FreedOne => steps.push(Step::FreeVector(1)),
            Decision::Contained => {
                let mut last = [Step::FreeVectors, Step::ReleaseHandlers];
                if self.is(Broken::ContainmentFreesFirst) {
                    last.reverse();
                }
                steps.extend(last);
                steps.extend(silence());
            }
            Decision::RefusedHandler if row.call == Call::FreeOne => {
                steps.extend([
                    Step::Hush(1),
                    Step::Give(Descriptors),
                    Step::WaitForHard(1),
                    Step::Disable(1),
                    Step::MaskVector(1),
                    Step::Take(Descriptors),
                ]);
            }
            _ if row.silences => {
                steps.extend([Step::Hush(0), Step::Hush(1)]);
                steps.extend(silence());
            }
            _ => {}
        }
    }

    fn release_next(&self, s: &mut State, task: usize) {
        let Some(entry) = s.todo.pop() else {
            return;
        };
        s.tasks[task].push(Step::ReleaseNext);
        match entry {
            Entry::MsiData => {
                if s.vectors.iter().any(|v| v.present) {
                    s.fail(Fault::LeftAfterDetach);
                }
                s.msi_data = false;
            }
            Entry::Node => s.tasks[task].extend([Step::FreeNode, Step::SetPointer(false), Step::Free(Call::Detach)]),
            Entry::Managed(address) => {
                let owns = s.node.managed == Some(address);
                if s.pointer && (owns || self.is(Broken::StaleEntryFrees)) {
                    if !owns && s.live {
                        s.fail(Fault::TwoOwners);
                    }
                    s.tasks[task].extend([Step::ResetNode, Step::Free(Call::ReleaseGroup)]);
                }
            }
            Entry::Irq(at) => {
                if s.vector(at).devm {
                    s.tasks[task].push(Step::Unlink(at));
                }
            }
            Entry::Action(call) => s.tasks[task].extend(action(call)),
            Entry::GroupOpen | Entry::GroupClose => {}
        }
    }

    /// Runs one round of the loop of `Registry::release_where()`.
    fn pick(&self, s: &mut State, task: usize, which: Which) {
        let mut all = s.vectors.iter().enumerate();
        let idle = all.position(|(at, v)| v.slot == Slot::Registered && which.wants(at, v));
        if let Some(at) = idle {
            s.vectors[at].slot = Slot::Releasing;
            let at = u8::try_from(at).unwrap_or_default();
            let steps = &mut s.tasks[task];
            steps.extend([Step::Pick(which), Step::Dropped, Step::Take(Registry), Step::Give(Registry), Step::Released(at)]);
            if self.is(Broken::ReleasesUnderLock) {
                steps.push(Step::Unlink(at));
            } else {
                steps.extend([Step::Take(Registry), Step::Unlink(at), Step::Give(Registry)]);
            }
        } else if wanted(s, which, Slot::Releasing) && !self.is(Broken::FreeWaitsForNoRelease) {
            s.held[Registry as usize] = None;
            s.tasks[task].push(Step::Await(which));
        }
    }
}

fn wanted(s: &State, which: Which, slot: Slot) -> bool {
    let mut all = s.vectors.iter().enumerate();
    all.any(|(at, v)| v.slot == slot && which.wants(at, v))
}

fn is_guarded(s: &State, id: u8) -> bool {
    s.live_node().is_some_and(|node| node.guard == Some(id))
}

/// Drops the remaining steps of an allocation that has failed.
fn abort(s: &mut State, task: usize) {
    while let Some(Step::Track | Step::AllocVectors | Step::DidAlloc(_)) = s.tasks[task].last() {
        s.tasks[task].pop();
    }
    skip_guard(s, task);
}

fn skip_guard(s: &mut State, task: usize) {
    if s.tasks[task].last() == Some(&Step::SetGuard) {
        s.tasks[task].pop();
    }
}

/// Returns the steps of `pci_irq_vectors_silence()`, the first one last.
fn silence() -> impl Iterator<Item = Step> {
    let each = |at| [Step::WaitForHard(at), Step::Disable(at)];
    let all = (0..VECTORS).rev().filter_map(|at| u8::try_from(at).ok());
    std::iter::once(Step::Give(Descriptors)).chain(all.flat_map(each)).chain([
        Step::MaskDevice,
        Step::Take(Descriptors),
        Step::SetSilenced,
    ])
}

/// Registers a handler.
pub fn request(s: &mut State, at: u8, handler: Handler) {
    let by = s.node.guard;
    let vector = s.vector(at);
    if vector.present && vector.handler == Handler::None && vector.slot == Slot::None {
        vector.handler = handler;
        vector.disabled = false;
        if let Some(by) = by {
            vector.by = by;
            vector.slot = Slot::Registered;
        }
    }
}

/// Returns the steps of dropping the guard of the Rust driver, the first one last.
pub fn free_guard(id: u8) -> [Step; 4] {
    [Step::Give(Registry), Step::FreeGuarded(id), Step::Pick(Which::Guard(id)), Step::Take(Registry)]
}

/// Returns the steps of a devm action of the driver, the first one last. One action frees managed vectors and allocates others.
fn action(call: Call) -> Vec<Step> {
    match call {
        Call::AllocExplicit => vec![Step::MayAlloc(Owner::Driver)],
        Call::AllocManaged => vec![Step::MayAlloc(Owner::Device)],
        Call::FreeManaged => vec![Step::MayAlloc(Owner::Driver), Step::Free(call)],
        other => vec![Step::Free(other)],
    }
}
