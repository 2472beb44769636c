// SPDX-License-Identifier: GPL-2.0

//! All actions of the model, in every order.

use stateright::{Model, Property};

use crate::{
    machine::{free_guard, request, Broken, Machine, Setting},
    properties,
    rule::{Call, Owner, Rule},
    state::{
        Entry, Fault, Guard, Handler,
        Lock::{Devres, Registry},
        Phase, Slot, State, Step, Which, CORE, OTHER, TASKS, THREAD,
    },
};

/// The largest length of a list. A call that would add more is not begun.
const ENTRIES: usize = 6;

/// An action: something that begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// The next step of a task, and whether it fails.
    Step(usize, bool),
    /// The device sends a message.
    Send(u8),
    /// The message arrives, on either CPU.
    Arrive,
    /// The handler of a vector returns.
    Return(u8),
    /// The thread of a handler runs, and makes a call or none.
    Wake(u8, bool),
    Bind,
    Detach,
    /// A call from C, by the core.
    Alloc(Owner),
    Free(Call),
    Add,
    FreeOne,
    Request(u8, Handler, bool),
    FreeIrq(u8),
    Group(Group),
    AddAction(Call),
    Resume,
    /// A call of the Rust driver, by either task.
    RustAlloc(usize, Owner),
    RustRequest(usize, u8, Handler),
    RustRelease(usize, u8),
    RustFree(usize, u8),
    RustClaim(usize, u8),
    /// A task reads debugfs.
    Read,
}

/// The operations on a devres group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Group {
    Open,
    Close,
    Remove,
    Release,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Ownership {
    pub machine: Machine,
}

impl Ownership {
    pub fn new(rule: Rule, setting: Setting, broken: Option<Broken>) -> Self {
        Self { machine: Machine { rule, setting, broken } }
    }

    fn calls_from_c(s: &State, actions: &mut Vec<Action>) {
        if s.devres.len() < ENTRIES {
            actions.extend([Owner::Driver, Owner::Device].map(Action::Alloc));
        }
        actions.extend([Call::FreeExplicit, Call::FreeManaged].map(Action::Free));
        if s.live {
            actions.push(Action::Resume);
        }
        for (at, vector) in (0..).zip(&s.vectors) {
            if vector.handler != Handler::None {
                actions.push(Action::FreeIrq(at));
            } else if vector.present {
                actions.push(Action::Request(at, Handler::Hard, false));
            }
        }
    }

    /// The actions of threads and of a second vector.
    fn more_vectors(s: &State, actions: &mut Vec<Action>) {
        if s.vectors[0].present && s.vectors[0].handler == Handler::None {
            actions.push(Action::Request(0, Handler::Threaded, false));
        }
        if s.live {
            actions.push(if s.vectors[1].present { Action::FreeOne } else { Action::Add });
        }
    }

    /// The actions of managed handlers, groups and devm actions.
    fn devres_calls(s: &State, actions: &mut Vec<Action>) {
        let room = s.devres.len() < ENTRIES;
        let has = |entry| s.devres.contains(&entry);
        let vector = &s.vectors[0];
        if room && vector.present && vector.handler == Handler::None && !has(Entry::Irq(0)) {
            actions.push(Action::Request(0, Handler::Hard, true));
        }
        if has(Entry::GroupOpen) {
            actions.extend([Group::Remove, Group::Release].map(Action::Group));
            if !has(Entry::GroupClose) {
                actions.push(Action::Group(Group::Close));
            }
        } else if room {
            actions.push(Action::Group(Group::Open));
        }
        let acts = |entry: &Entry| matches!(entry, Entry::Action(_));
        if room && !s.devres.iter().any(acts) {
            actions.extend([Call::FreeExplicit, Call::FreeManaged, Call::AllocExplicit, Call::AllocManaged].map(Action::AddAction));
        }
    }

    fn calls_from_rust(s: &State, task: usize, actions: &mut Vec<Action>) {
        if s.guards.contains(&Guard::None) {
            actions.push(Action::RustAlloc(task, Owner::Driver));
            if task == CORE {
                actions.push(Action::RustAlloc(task, Owner::Device));
            }
        }
        for (id, guard) in (0..).zip(s.guards) {
            if guard == Guard::Held {
                actions.push(Action::RustFree(task, id));
                actions.push(Action::RustClaim(task, id));
            }
        }
        if s.vectors[0].present {
            match s.vectors[0].slot {
                Slot::None => {
                    let kinds = [Handler::Hard, Handler::Threaded];
                    actions.extend(kinds.map(|kind| Action::RustRequest(task, 0, kind)));
                }
                Slot::Registered | Slot::Releasing => actions.push(Action::RustRelease(task, 0)),
            }
        }
    }

    fn begin(&self, s: &mut State, task: usize, steps: impl IntoIterator<Item = Step>) {
        let steps: Vec<Step> = steps.into_iter().collect();
        s.tasks[task].extend(steps.into_iter().rev());
    }

    fn detach(&self, s: &mut State) {
        if self.machine.setting == Setting::Rust {
            self.begin(
                s,
                CORE,
                [
                    Step::Take(Registry),
                    Step::Close,
                    Step::Pick(Which::All),
                    Step::Give(Registry),
                    Step::AwaitDropped,
                    Step::DropDriverData,
                ],
            );
            let last = [Step::Unbind, Step::ReleaseNext, Step::MoveAll, Step::ClearDriver];
            s.tasks[CORE].splice(0..0, last);
        } else {
            self.begin(s, CORE, [Step::ClearDriver, Step::MoveAll, Step::ReleaseNext, Step::Unbind]);
        }
    }

    fn group(&self, s: &mut State, what: Group) {
        let at = |s: &State, entry| s.devres.iter().position(|e| *e == entry);
        match what {
            Group::Open => s.devres.push(Entry::GroupOpen),
            Group::Close => s.devres.push(Entry::GroupClose),
            Group::Remove => s.devres.retain(|e| !matches!(e, Entry::GroupOpen | Entry::GroupClose)),
            Group::Release => {
                let Some(first) = at(s, Entry::GroupOpen) else {
                    return;
                };
                let end = at(s, Entry::GroupClose).map_or(s.devres.len(), |at| at + 1);
                s.todo = s.devres.drain(first..end).collect();
                s.tasks[CORE].push(Step::ReleaseNext);
            }
        }
    }
}

impl Model for Ownership {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
        if s.fault.is_some() {
            return;
        }
        let setting = self.machine.setting;
        let rust = setting == Setting::Rust;
        for task in 0..TASKS {
            if self.machine.can_step(s, task) {
                actions.push(Action::Step(task, false));
                if self.machine.can_fail(s, task) {
                    actions.push(Action::Step(task, true));
                }
            }
        }
        for (at, vector) in (0..).zip(&s.vectors) {
            if setting != Setting::Devres && s.sends && s.sent.is_none() && vector.present && !vector.masked {
                actions.push(Action::Send(at));
            }
            if vector.runs != Handler::None {
                actions.push(Action::Return(at));
            }
        }
        if s.sent.is_some() {
            actions.push(Action::Arrive);
        }
        let in_call = |task: usize| {
            let sleeps = |step: &Step| matches!(step, Step::Sleep(_));
            !s.tasks[task].iter().all(sleeps)
        };
        if s.vectors[0].awake && s.is_idle(THREAD) {
            actions.push(Action::Wake(0, false));
            if rust || s.phase == Phase::Bound && s.is_idle(CORE) {
                actions.push(Action::Wake(0, true));
            }
        }
        // C callers serialise their calls.
        let alone = s.is_idle(CORE) && !in_call(THREAD) && !(rust && in_call(OTHER));
        match s.phase {
            Phase::Unbound if s.is_idle(CORE) => actions.push(Action::Bind),
            Phase::Bound if rust => {
                if s.is_idle(CORE) {
                    Self::calls_from_rust(s, CORE, actions);
                    actions.push(Action::Detach);
                }
                if alone {
                    actions.extend([Call::FreeExplicit, Call::FreeManaged].map(Action::Free));
                }
            }
            Phase::Bound if alone => {
                Self::calls_from_c(s, actions);
                if setting == Setting::Devres {
                    Self::devres_calls(s, actions);
                } else {
                    Self::more_vectors(s, actions);
                }
                actions.push(Action::Detach);
            }
            _ => {}
        }
        if s.is_idle(OTHER) {
            if setting == Setting::Devres {
                actions.push(Action::Read);
            } else if rust && s.phase == Phase::Bound && !s.alone {
                Self::calls_from_rust(s, OTHER, actions);
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        let s = &mut next;
        match action {
            Action::Step(task, fails) => {
                self.machine.step(s, task, fails);
                s.alone &= !s.is_idle(CORE);
            }
            Action::Send(at) => s.sent = Some(at),
            Action::Arrive => {
                let at = s.sent.take()?;
                let vector = s.vector(at);
                if vector.present && !vector.disabled && vector.runs == Handler::None {
                    vector.runs = vector.handler;
                    if vector.hushed {
                        s.fail(Fault::InterruptAfterRefusal);
                    }
                }
            }
            Action::Return(at) => {
                let vector = s.vector(at);
                vector.awake |= vector.runs == Handler::Threaded;
                vector.runs = Handler::None;
            }
            Action::Wake(at, calls) => {
                s.tasks[THREAD].push(Step::Sleep(at));
                if calls && self.machine.setting == Setting::Rust {
                    s.tasks[THREAD].extend([Step::Give(Registry), Step::Take(Registry)]);
                } else if calls {
                    s.tasks[THREAD].push(Step::Free(Call::FreeExplicit));
                }
            }
            Action::Bind => {
                s.phase = Phase::Bound;
                s.open = true;
            }
            Action::Detach => self.detach(s),
            Action::Alloc(owner) => s.tasks[CORE].push(Step::MayAlloc(owner)),
            Action::Free(call) => {
                s.alone = true;
                s.tasks[CORE].push(Step::Free(call));
            }
            Action::Add => s.tasks[CORE].push(Step::MayAdd),
            Action::FreeOne => s.tasks[CORE].push(Step::Free(Call::FreeOne)),
            Action::Request(at, handler, devm) => {
                request(s, at, handler);
                s.vector(at).devm = devm;
                s.devres.extend(devm.then_some(Entry::Irq(at)));
            }
            Action::FreeIrq(at) => {
                if s.vector(at).devm {
                    s.devres.retain(|entry| *entry != Entry::Irq(at));
                }
                s.tasks[CORE].push(Step::Unlink(at));
            }
            Action::Group(what) => self.group(s, what),
            Action::AddAction(call) => s.devres.push(Entry::Action(call)),
            Action::Resume => {
                let silenced = s.live_node().is_some_and(|node| node.silenced);
                s.sends = !silenced || self.machine.broken == Some(Broken::ResumeForgetsSilence);
            }
            Action::RustAlloc(task, owner) => {
                self.begin(s, task, [Step::Take(Registry), Step::Open, Step::MayAlloc(owner), Step::SetGuard, Step::Give(Registry)])
            }
            Action::RustRequest(task, at, handler) => {
                self.begin(s, task, [Step::Take(Registry), Step::Open, Step::Request(at, handler), Step::Give(Registry)])
            }
            Action::RustRelease(task, at) => {
                self.begin(s, task, [Step::Take(Registry), Step::Pick(Which::Vector(at)), Step::Give(Registry)])
            }
            Action::RustFree(task, id) => {
                s.guards[usize::from(id)] = Guard::Moved;
                s.tasks[task].extend(free_guard(id));
            }
            Action::RustClaim(task, id) => {
                self.begin(s, task, [Step::Take(Registry), Step::Open, Step::Claim(id), Step::Give(Registry)])
            }
            Action::Read => self.begin(s, OTHER, [Step::Take(Devres), Step::ReadPointer, Step::ReadNode, Step::Give(Devres)]),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
