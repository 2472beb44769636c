// SPDX-License-Identifier: GPL-2.0

//! Walks all paths through a driver: probe, remove, and what devres does after both.
//!
//! The walk keeps only the state that matters: whether vectors are live, whether handlers are registered, and what devres has to
//! release. Of values it knows the sign only. A condition that depends on anything else goes both ways, loops run at least once, and
//! two conditions are never correlated.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    graph::{calls, Id, Program, ALLOCATE, ENABLE, FREE},
    syntax::{Call, Expr, Kind, Name, Stmt},
};

const REQUEST: &[&str] = &["request_irq", "request_threaded_irq", "request_any_context_irq", "pci_request_irq"];
const REQUEST_MANAGED: &[&str] = &[
    "devm_request_irq",
    "devm_request_threaded_irq",
    "devm_request_any_context_irq",
    // These are libraries that do so.
    "ata_host_activate",
    "ahci_host_activate",
    "ata_pci_sff_activate_host",
];
// The last one is a library that does so.
const RELEASE: &[&str] = &["free_irq", "pci_free_irq", "ptp_qoriq_free"];
const ACTION: &[&str] = &["devm_add_action", "devm_add_action_or_reset"];

/// The calls that register and unregister handlers.
pub const HANDLERS: &[&[&str]] = &[REQUEST, REQUEST_MANAGED, RELEASE, &["devm_free_irq"]];

/// A line of a parsed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The file, as the program counts them.
    pub file: usize,
    /// The line.
    pub line: usize,
}

/// The device's vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vectors {
    /// None have been allocated.
    Off,
    /// Allocated there.
    Live(Site),
    /// Allocated there, and freed there.
    Freed(Site, Site),
    /// Allocated there, with the device as owner.
    Managed(Site),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Handlers {
    None,
    On(Site),
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Devres {
    Handler(Site),
    Action(Name, usize, Site),
    Vectors,
}

/// The known state of a device at one point of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Core {
    /// Its vectors.
    pub vectors: Vectors,
    /// The place where the error that is being handled began.
    pub failed: Option<Site>,
    handlers: Handlers,
    devres: Vec<Devres>,
    released: bool,
    managed: bool,
    phase: Phase,
}

/// The phase of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its probe callback.
    Probe,
    /// A callback while it is bound.
    Bound,
    /// Its remove callback.
    Remove,
    /// Devres.
    Devres,
}

impl Core {
    /// Whether a handler is registered that the driver frees.
    pub fn handled(&self) -> bool {
        matches!(self.handlers, Handlers::On(_))
    }
}

const N: u8 = 1;
const Z: u8 = 2;
const P: u8 = 4;
/// The number that was asked for.
const F: u8 = 8;
const ALL: u8 = 15;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    core: Core,
    values: BTreeMap<Name, u8>,
    via: Option<usize>,
}

/// The phase of the device, the error that is being handled, and the file that allocated.
pub type Moment = (Phase, Option<Site>, usize);

/// An observation on a path that says more than the state at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Freed there while a devm handler is registered that was requested there.
    FreedUnderManagedHandler(Moment, Site, Site),
    /// Freed there while a handler is registered that was requested there.
    FreedUnderHandler(Moment, Site, Site),
    /// Freed there, after its handler.
    FreedAfterHandler(Moment, Site),
    /// Freed there, after its devm handler.
    FreedAfterManagedHandler(Moment, Site),
    /// A devm action that frees was registered there, before the first allocation there.
    ActionTooEarly(Site, Site),
    /// Freed there, and there were vectors.
    Freed(Site),
    /// Freed there, and then allocated anew.
    Retried(Site),
    /// Freed there, but there was nothing to free.
    FreedNothing(Site),
    /// Freed there by an action of devres.
    FreedByAction(Site),
    /// Freed there by the call for the other owner, and allocated there.
    FreedAnothers(Site, Site),
    /// Allocated there before the device was enabled.
    NotYetEnabled(Site),
    /// Allocated there after the device was enabled.
    Enabled(Site),
    /// Allocated the second time there, while those from there are live.
    Again(Site, Site),
    /// Detached with a handler from there still registered on vectors.
    HandlerLeft(Site),
}

enum Op {
    Eval(Expr),
    Branch(Option<Expr>, usize, bool),
    Return(Option<Expr>, usize),
    Goto(usize),
    Fork(Vec<usize>),
    Nop,
}

struct Flow {
    ops: Vec<(Op, usize)>,
    file: usize,
    pointer: bool,
}

type Outcomes = Rc<Vec<(Core, u8)>>;

/// Walks one driver.
pub struct Walk<'a> {
    program: &'a Program<'a>,
    reach: &'a BTreeSet<Id>,
    members: BTreeMap<Name, BTreeSet<Id>>,
    /// The places where it allocates.
    folders: BTreeSet<String>,
    modules: BTreeSet<String>,
    relevant: BTreeSet<Id>,
    flows: BTreeMap<Id, Rc<Flow>>,
    known: BTreeMap<(Id, Core), Outcomes>,
    active: BTreeSet<Id>,
    /// Tests of values that nothing is known about teach nothing: fewer ways.
    narrow: bool,
    /// How many (statement, state) pairs may still be looked at.
    budget: usize,
    /// The observations.
    pub seen: BTreeSet<Seen>,
    /// Functions with too many paths.
    pub given_up: BTreeSet<Id>,
    /// Functions on the path that the parser did not understand completely.
    pub unparsed: BTreeSet<Id>,
}

/// The largest number of (statement, state) pairs of one function.
const LIMIT: usize = 60_000;

/// The largest number for one driver, and for one that calls pcim_enable_device(), which loses the implicit free.
const BUDGET: (usize, usize) = (2_000_000, 8_000_000);

impl<'a> Walk<'a> {
    /// A walk through what `reach` has.
    pub fn new(program: &'a Program<'a>, reach: &'a BTreeSet<Id>) -> Self {
        let mut members: BTreeMap<Name, BTreeSet<Id>> = BTreeMap::new();
        for &id in reach {
            for (member, name) in &program.symbol(id).members {
                for target in program.resolve(id.0, name) {
                    if program.symbol(target).kind == Kind::Function && reach.contains(&target) {
                        members.entry(member.clone()).or_default().insert(target);
                    }
                }
            }
        }
        let mut walk = Self {
            program,
            reach,
            members,
            folders: reach.iter().filter(|id| allocates(program, **id)).map(|id| folder(program.path(*id)).to_string()).collect(),
            modules: reach
                .iter()
                .filter(|id| program.bits.get(id).is_some_and(|b| b & super::graph::ALLOCATES != 0))
                .flat_map(|id| program.index.modules_of(program.path(*id)))
                .cloned()
                .collect(),
            relevant: BTreeSet::new(),
            flows: BTreeMap::new(),
            known: BTreeMap::new(),
            active: BTreeSet::new(),
            narrow: false,
            budget: if reach.iter().any(|id| enables(program, *id)) { BUDGET.1 } else { BUDGET.0 },
            seen: BTreeSet::new(),
            given_up: BTreeSet::new(),
            unparsed: BTreeSet::new(),
        };
        let mut events: Vec<&str> = Vec::new();
        for list in [ALLOCATE, FREE, REQUEST, REQUEST_MANAGED, RELEASE, ACTION] {
            events.extend(list);
        }
        events.extend([ENABLE, "devm_free_irq"]);
        walk.relevant = walk.callers(&events);
        walk
    }

    /// The functions from which calls lead to one of `names`.
    pub fn callers(&self, names: &[&str]) -> BTreeSet<Id> {
        let mut callers: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let mut found = BTreeSet::new();
        let mut queue = Vec::new();
        for &id in self.reach {
            let symbol = self.program.symbol(id);
            let Some(body) = &symbol.body else { continue };
            let mut all = Vec::new();
            calls(body, &mut all);
            for call in all {
                if !call.member && names.contains(&&*call.name) {
                    if found.insert(id) {
                        queue.push(id);
                    }
                    continue;
                }
                let mut targets = self.targets(id.0, &call);
                if ACTION.contains(&&*call.name) {
                    if let Some(Expr::Path(action)) = call.arguments.get(1) {
                        targets.extend(self.program.resolve(id.0, action));
                    }
                }
                for target in targets {
                    callers.entry(target).or_default().push(id);
                }
            }
        }
        while let Some(id) = queue.pop() {
            for &caller in callers.get(&id).into_iter().flatten() {
                if found.insert(caller) {
                    queue.push(caller);
                }
            }
        }
        found
    }

    /// Returns the functions whose address is taken on the path, by tables and arguments.
    pub fn callbacks(&self) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        for &id in self.reach {
            let symbol = self.program.symbol(id);
            let mut called: BTreeSet<Name> = BTreeSet::new();
            if let Some(body) = &symbol.body {
                let mut all = Vec::new();
                calls(body, &mut all);
                called.extend(all.iter().filter(|c| !c.member).map(|c| c.name.clone()));
            }
            for name in symbol.names.iter().filter(|n| !called.contains(*n)) {
                for target in self.program.resolve(id.0, name) {
                    if self.program.symbol(target).kind == Kind::Function {
                        found.insert(target);
                    }
                }
            }
        }
        found
    }

    /// Returns the functions that are passed on to be called later, such as those of work items.
    pub fn deferred(&self, root: Id) -> BTreeSet<Id> {
        let (mut found, mut done, mut queue) = (BTreeSet::new(), BTreeSet::new(), vec![root]);
        while let Some(id) = queue.pop() {
            if !done.insert(id) {
                continue;
            }
            let Some(body) = &self.program.symbol(id).body else {
                continue;
            };
            let mut all = Vec::new();
            calls(body, &mut all);
            for call in all {
                queue.extend(self.targets(id.0, &call));
                for argument in &call.arguments {
                    if let Expr::Path(name) = argument {
                        let named = self.program.resolve(id.0, name).into_iter();
                        found.extend(named.filter(|f| self.program.symbol(*f).kind == Kind::Function));
                    }
                }
            }
        }
        found
    }

    /// Returns the callbacks of power management and error recovery. The device stays bound whatever they do.
    pub fn resets(&self) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        for &table in self.reach {
            let symbol = self.program.symbol(table);
            let members = symbol.members.iter().filter(|(m, _)| {
                matches!(&*symbol.class, "dev_pm_ops" | "pci_error_handlers")
                    || matches!(&**m, "suspend" | "resume" | "runtime_suspend" | "runtime_resume" | "shutdown")
            });
            found.extend(members.flat_map(|(_, name)| self.program.resolve(table.0, name)));
            if symbol.kind == Kind::Function && (symbol.name.contains("suspend") || symbol.name.contains("resume")) {
                found.insert(table);
            }
        }
        found
    }

    /// Whether one table has both.
    pub fn siblings(&self, a: Id, b: Id) -> bool {
        self.reach.iter().any(|&table| {
            let symbol = self.program.symbol(table);
            let has = |id: Id| {
                symbol.names.contains(&self.program.symbol(id).name)
                    && self.program.resolve(table.0, &self.program.symbol(id).name).contains(&id)
            };
            symbol.kind == Kind::Variable
                && !matches!(&*symbol.class, "dev_pm_ops" | "pci_error_handlers" | "pci_driver")
                && has(a)
                && has(b)
        })
    }

    /// Whether the parser did not understand some function that frees handlers.
    pub fn order_is_unknown(&self) -> bool {
        let releasing = self.callers(RELEASE);
        self.unparsed.iter().any(|f| releasing.contains(f))
    }

    /// Returns the name of a function.
    pub fn name(&self, id: Id) -> &str {
        &self.program.symbol(id).name
    }

    /// Returns whether one function allocates for two devices. This walk knows only one.
    pub fn two_devices(&self) -> bool {
        self.reach.iter().any(|&id| {
            let mut all = Vec::new();
            if let Some(body) = &self.program.symbol(id).body {
                calls(body, &mut all);
            }
            let allocations = all.iter().filter(|c| !c.member && ALLOCATE.contains(&&*c.name));
            allocations.filter_map(|c| c.texts.first()).collect::<BTreeSet<_>>().len() > 1
        })
    }

    /// Returns whether calls from the function lead to anything of interest.
    pub fn matters(&self, id: Id) -> bool {
        self.relevant.contains(&id)
    }

    fn targets(&self, file: usize, call: &Call) -> Vec<Id> {
        let all: Vec<Id> = if call.member {
            self.members.get(&call.name).into_iter().flatten().copied().collect()
        } else {
            self.program.resolve(file, &call.name)
        };
        all.into_iter().filter(|id| self.reach.contains(id)).collect()
    }

    /// The state before probe.
    pub fn start() -> Core {
        Core {
            vectors: Vectors::Off,
            failed: None,
            handlers: Handlers::None,
            devres: Vec::new(),
            released: false,
            managed: false,
            phase: Phase::Probe,
        }
    }

    /// The states in which `function` returns: after failure, and otherwise.
    pub fn run(&mut self, function: Id, mut core: Core, phase: Phase) -> (Vec<Core>, Vec<Core>) {
        core.phase = phase;
        let (mut failed, mut good) = (Vec::new(), Vec::new());
        for (core, value) in self.outcomes(function, &core).iter() {
            let list = if *value == N { &mut failed } else { &mut good };
            if !list.contains(core) {
                list.push(core.clone());
            }
        }
        (failed, good)
    }

    /// Releases as devres does, the last entry first. The node frees the vectors that are live then. Returns whether it had to.
    pub fn detach(&mut self, core: &Core) -> Vec<(Core, bool)> {
        let mut states = vec![(core.clone(), false)];
        for state in &mut states {
            state.0.phase = Phase::Devres;
            state.0.failed = None;
        }
        let mut done = Vec::new();
        while let Some((mut core, mut implicit)) = states.pop() {
            match core.devres.pop() {
                None => {
                    implicit |= matches!(core.vectors, Vectors::Live(_));
                    done.push((core, implicit));
                }
                Some(Devres::Handler(_)) => states.push((core, implicit)),
                Some(Devres::Vectors) => {
                    if let Vectors::Live(at) = core.vectors {
                        implicit = true;
                        if let Handlers::On(handler) = core.handlers {
                            self.seen.insert(Seen::HandlerLeft(handler));
                        }
                        // A later action was meant to free the vectors.
                        for entry in core.devres.clone() {
                            if let Devres::Action(name, file, site) = entry {
                                if self.frees(file, &name) {
                                    self.seen.insert(Seen::ActionTooEarly(site, at));
                                }
                            }
                        }
                    }
                    states.push((core, implicit));
                }
                Some(Devres::Action(name, file, _)) => {
                    let actions = self.relevant_of(file, &name);
                    if actions.is_empty() {
                        states.push((core, implicit));
                        continue;
                    }
                    for action in actions {
                        for (next, _) in self.outcomes(action, &core).iter() {
                            states.push((next.clone(), implicit));
                        }
                    }
                }
            }
            if done.len() + states.len() > 512 {
                break;
            }
        }
        done
    }

    /// Returns whether a handler that is registered there is one for these vectors, and not for an interrupt that a library got
    /// elsewhere.
    fn own(&self, file: usize) -> bool {
        let path = &self.program.paths[file];
        self.folders.contains(folder(path)) || self.modules.iter().any(|m| self.program.index.modules_of(path).contains(m))
    }

    fn frees(&self, file: usize, name: &str) -> bool {
        let callers = self.callers(FREE);
        self.program.resolve(file, name).iter().any(|id| callers.contains(id))
    }

    fn relevant_of(&self, file: usize, name: &str) -> Vec<Id> {
        let all = self.program.resolve(file, name);
        all.into_iter().filter(|id| self.relevant.contains(id)).collect()
    }

    fn outcomes(&mut self, function: Id, core: &Core) -> Outcomes {
        let key = (function, core.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if !self.active.insert(function) {
            return Rc::new(vec![(core.clone(), ALL)]);
        }
        let flow = self.flow(function);
        let outer = std::mem::replace(&mut self.narrow, false);
        let mut found = self.ways(&flow, core, LIMIT / 10);
        if found.is_none() {
            self.narrow = true;
            found = self.ways(&flow, core, LIMIT);
        }
        self.narrow = outer;
        if found.is_none() {
            self.given_up.insert(function);
        }
        // The effect of a function with too many paths is not known. It is assumed to have none, and that is noted.
        let found = found.unwrap_or_else(|| BTreeSet::from([(core.clone(), ALL)]));
        self.active.remove(&function);
        let outcomes = Rc::new(found.into_iter().collect::<Vec<_>>());
        self.known.insert(key, outcomes.clone());
        outcomes
    }

    /// Returns the paths through a function, unless there are too many.
    fn ways(&mut self, flow: &Flow, core: &Core, limit: usize) -> Option<BTreeSet<(Core, u8)>> {
        // An error from before the call stays. An error in the call is over if the call returns success.
        let before = core.failed;
        let mut found: BTreeSet<(Core, u8)> = BTreeSet::new();
        let mut visited: BTreeSet<(usize, State)> = BTreeSet::new();
        let start = State { core: core.clone(), values: BTreeMap::new(), via: None };
        let mut queue = vec![(0, start)];
        while let Some((at, state)) = queue.pop() {
            if !visited.insert((at, state.clone())) {
                continue;
            }
            if visited.len() > limit || self.budget == 0 {
                return None;
            }
            self.budget -= 1;
            let (op, next) = &flow.ops[at];
            match op {
                Op::Nop => queue.push((*next, state)),
                Op::Fork(targets) => queue.extend(targets.iter().map(|t| (*t, state.clone()))),
                Op::Goto(line) => {
                    let mut state = state;
                    state.via = Some(*line);
                    // This is an error, as far as is known. A return without an error says otherwise.
                    if matches!(state.core.vectors, Vectors::Live(_)) {
                        state.core.failed.get_or_insert(Site { file: flow.file, line: *line });
                    }
                    queue.push((*next, state));
                }
                Op::Eval(e) => {
                    for (state, _) in self.eval(flow, e, state) {
                        queue.push((*next, state));
                    }
                }
                Op::Branch(None, other, _) => {
                    queue.push((*next, state.clone()));
                    queue.push((*other, state));
                }
                Op::Branch(Some(e), other, first) => {
                    let ways = self.truth(flow, e, state);
                    // The first round of a loop is always taken, if it can be.
                    let enters = *first && ways.iter().any(|(_, t)| *t);
                    for (state, truth) in ways {
                        if truth {
                            queue.push((*next, state));
                        } else if !enters {
                            queue.push((*other, state));
                        }
                    }
                }
                Op::Return(e, line) => {
                    let ways = match e {
                        Some(e) => self.eval(flow, e, state),
                        None => vec![(state, Z)],
                    };
                    let line = *line;
                    for (state, value) in ways {
                        let site = Site { file: flow.file, line: state.via.unwrap_or(line) };
                        let mut core = state.core;
                        if flow.pointer && value != N && value != Z {
                            core.failed = before;
                            found.insert((core, P | F));
                            continue;
                        }
                        if value & N != 0 || flow.pointer {
                            let mut failed = core.clone();
                            if matches!(core.vectors, Vectors::Live(_) | Vectors::Freed(..)) {
                                failed.failed.get_or_insert(site);
                            }
                            found.insert((failed, if flow.pointer { value } else { N }));
                        }
                        // A value that was tested for zero is an errno, even if it could be positive.
                        if !flow.pointer && (value & Z != 0 || value & N == 0) {
                            core.failed = before;
                            found.insert((core, value & !N));
                        }
                    }
                }
            }
        }
        Some(found)
    }

    fn eval(&mut self, flow: &Flow, e: &Expr, state: State) -> Vec<(State, u8)> {
        match e {
            Expr::Number(n) => vec![(state, sign(*n))],
            Expr::Path(path) => {
                let value = if enabled(path) {
                    if matches!(state.core.vectors, Vectors::Live(_) | Vectors::Managed(_)) {
                        P
                    } else {
                        Z
                    }
                } else {
                    state.values.get(path).copied().unwrap_or(ALL)
                };
                vec![(state, value)]
            }
            Expr::Assign(target, value) => {
                let mut ways = self.eval(flow, value, state);
                for (state, value) in &mut ways {
                    set(state, target, *value);
                }
                ways
            }
            Expr::Parts(parts) => {
                let mut states = vec![state];
                let mut last = ALL;
                for part in parts {
                    let mut next = Vec::new();
                    for state in states {
                        for (state, value) in self.eval(flow, part, state) {
                            last = value;
                            next.push(state);
                        }
                    }
                    states = unique(next);
                }
                // A value that results from something unknown is unknown.
                let _ = last;
                states.into_iter().map(|s| (s, ALL)).collect()
            }
            Expr::Choice(condition, a, b) => {
                let mut all = Vec::new();
                for (state, truth) in self.truth(flow, condition, state) {
                    match (&**a, truth) {
                        // `a ?: b`
                        (Expr::Parts(parts), true) if parts.is_empty() => {
                            let value = match &**condition {
                                Expr::Path(p) | Expr::Assign(p, _) => state.values.get(p).copied().unwrap_or(ALL) & !Z,
                                _ => N | P,
                            };
                            all.push((state, value));
                        }
                        (_, true) => all.extend(self.eval(flow, a, state)),
                        (_, false) => all.extend(self.eval(flow, b, state)),
                    }
                }
                all
            }
            Expr::Binary("&&" | "||" | "<" | ">" | "<=" | ">=" | "==" | "!=", ..) | Expr::Not(_) => {
                self.truth(flow, e, state).into_iter().map(|(state, truth)| (state, if truth { P } else { Z })).collect()
            }
            Expr::Binary(_, a, b) => {
                let mut all = Vec::new();
                for (state, _) in self.eval(flow, a, state) {
                    all.extend(self.eval(flow, b, state).into_iter().map(|(s, _)| (s, ALL)));
                }
                all
            }
            Expr::Call(call) => {
                let mut states = vec![state];
                for argument in &call.arguments {
                    let mut next = Vec::new();
                    for state in states {
                        next.extend(self.eval(flow, argument, state).into_iter().map(|(s, _)| s));
                    }
                    states = unique(next);
                }
                let mut all = Vec::new();
                for state in states {
                    all.extend(self.call(flow, call, state));
                }
                all
            }
        }
    }

    fn call(&mut self, flow: &Flow, call: &Call, state: State) -> Vec<(State, u8)> {
        let site = Site { file: flow.file, line: call.line };
        let name = &*call.name;
        if call.member {
            return self.enter(flow, call, state);
        }
        if ALLOCATE.contains(&name) {
            return self.allocate(call, state, site);
        }
        if FREE.contains(&name) {
            return vec![(self.free(name, state, site), Z)];
        }
        let with = |change: &dyn Fn(&mut Core)| {
            let mut state = state.clone();
            change(&mut state.core);
            state
        };
        if name == ENABLE {
            let good = with(&|core| core.managed = true);
            return vec![(state, N), (good, Z)];
        }
        let vector = self.own(flow.file) && !wakes(call);
        if REQUEST.contains(&name) && vector {
            let good = with(&|core| core.handlers = Handlers::On(site));
            return vec![(state, N), (good, Z)];
        }
        if REQUEST_MANAGED.contains(&name) && vector {
            let good = with(&|core| {
                let entry = Devres::Handler(site);
                if !core.devres.contains(&entry) {
                    core.devres.push(entry);
                }
            });
            return vec![(state, N), (good, Z)];
        }
        if RELEASE.contains(&name) {
            let off = with(&|core| {
                if core.handlers != Handlers::None {
                    core.handlers = Handlers::Off;
                }
            });
            return vec![(off, Z)];
        }
        if name == "devm_free_irq" {
            let off = with(&|core| {
                let before = core.devres.len();
                core.devres.retain(|d| !matches!(d, Devres::Handler(_)));
                core.released |= core.devres.len() < before;
            });
            return vec![(off, Z)];
        }
        if ACTION.contains(&name) {
            let Some(Expr::Path(action)) = call.arguments.get(1) else {
                return vec![(state, ALL)];
            };
            let actions = self.relevant_of(flow.file, action);
            if actions.is_empty() {
                return vec![(state, ALL)];
            }
            let entry = Devres::Action(action.clone(), flow.file, site);
            let good = with(&|core| {
                if !core.devres.contains(&entry) {
                    core.devres.push(entry.clone());
                }
            });
            let mut all = vec![(good, Z)];
            if name.ends_with("_or_reset") {
                for action in actions {
                    for (core, _) in self.outcomes(action, &state.core).iter() {
                        all.push((State { core: core.clone(), ..state.clone() }, N));
                    }
                }
            } else {
                all.push((state, N));
            }
            return all;
        }
        match name {
            "dev_err_probe" => vec![(state, N)],
            "pci_dev_msi_enabled" => {
                let live = matches!(state.core.vectors, Vectors::Live(_) | Vectors::Managed(_));
                vec![(state, if live { P } else { Z })]
            }
            _ => self.enter(flow, call, state),
        }
    }

    fn allocate(&mut self, call: &Call, state: State, site: Site) -> Vec<(State, u8)> {
        let name = &*call.name;
        let mut good = state.clone();
        match state.core.vectors {
            Vectors::Live(first) | Vectors::Managed(first) => {
                self.seen.insert(Seen::Again(first, site));
            }
            Vectors::Freed(_, at) => {
                self.seen.insert(Seen::Retried(at));
            }
            Vectors::Off => {}
        }
        if !intx_only(call) {
            if name.starts_with("pcim_") {
                good.core.vectors = Vectors::Managed(site);
            } else {
                good.core.vectors = Vectors::Live(site);
                let managed = state.core.managed;
                self.seen.insert(if managed { Seen::Enabled(site) } else { Seen::NotYetEnabled(site) });
            }
            good.core.failed = None;
            if !good.core.devres.contains(&Devres::Vectors) {
                good.core.devres.push(Devres::Vectors);
            }
        }
        let value = match name {
            "pci_enable_msi" | "pci_enable_msix_exact" => Z,
            _ => {
                let bounds = if name == "pci_enable_msix_range" { (2, 3) } else { (1, 2) };
                match (call.texts.get(bounds.0), call.texts.get(bounds.1)) {
                    (Some(a), Some(b)) if a == b => F,
                    _ => P | F,
                }
            }
        };
        // A result below the minimum is a failure.
        let least = if name == "pci_enable_msix_range" { 2 } else { 1 };
        if let Some(text) = call.texts.get(least) {
            good.values.insert(at_least(text), P);
        }
        vec![(state, N), (good, value)]
    }

    fn free(&mut self, name: &str, mut state: State, site: Site) -> State {
        let core = &mut state.core;
        let error = state.via.map(|line| Site { file: site.file, line });
        match core.vectors {
            // The free is refused, so the vectors stay.
            Vectors::Live(at) if name.starts_with("pcim_") => {
                self.seen.insert(Seen::FreedAnothers(site, at));
            }
            Vectors::Managed(at) if !name.starts_with("pcim_") => {
                self.seen.insert(Seen::FreedAnothers(site, at));
            }
            Vectors::Live(at) | Vectors::Managed(at) => {
                let phase = (core.phase, core.failed.or(error), at.file);
                if let Some(Devres::Handler(h)) = core.devres.iter().find(|d| matches!(d, Devres::Handler(_))) {
                    self.seen.insert(Seen::FreedUnderManagedHandler(phase, site, *h));
                } else if core.released {
                    self.seen.insert(Seen::FreedAfterManagedHandler(phase, site));
                }
                match core.handlers {
                    Handlers::On(h) => {
                        self.seen.insert(Seen::FreedUnderHandler(phase, site, h));
                    }
                    Handlers::Off => {
                        self.seen.insert(Seen::FreedAfterHandler(phase, site));
                    }
                    Handlers::None => {}
                }
                if core.phase == Phase::Devres {
                    self.seen.insert(Seen::FreedByAction(site));
                }
                core.vectors = Vectors::Freed(at, site);
                self.seen.insert(Seen::Freed(site));
            }
            Vectors::Off => {
                self.seen.insert(Seen::FreedNothing(site));
            }
            Vectors::Freed(..) => {}
        }
        state
    }

    fn enter(&mut self, flow: &Flow, call: &Call, state: State) -> Vec<(State, u8)> {
        let targets = self.targets(flow.file, call);
        let relevant: Vec<_> = targets.iter().filter(|t| self.relevant.contains(t)).copied().collect();
        if relevant.is_empty() || relevant.len() > 40 {
            return vec![(state, ALL)];
        }
        let mut all = Vec::new();
        if call.member && relevant.len() < targets.len() {
            all.push((state.clone(), ALL));
        }
        for target in relevant {
            for (core, value) in self.outcomes(target, &state.core).iter() {
                all.push((State { core: core.clone(), ..state.clone() }, *value));
            }
        }
        unique(all)
    }

    fn truth(&mut self, flow: &Flow, e: &Expr, state: State) -> Vec<(State, bool)> {
        match e {
            Expr::Not(e) => self.truth(flow, e, state).into_iter().map(|(s, t)| (s, !t)).collect(),
            Expr::Binary(op @ ("&&" | "||"), a, b) => {
                let mut all = Vec::new();
                for (state, truth) in self.truth(flow, a, state) {
                    if truth == (*op == "&&") {
                        all.extend(self.truth(flow, b, state));
                    } else {
                        all.push((state, truth));
                    }
                }
                unique(all)
            }
            Expr::Binary(op @ ("<" | ">" | "<=" | ">=" | "==" | "!="), a, b) => {
                let mut all = Vec::new();
                for (state, left) in self.eval(flow, a, state) {
                    for (state, _) in self.eval(flow, b, state) {
                        let met = matches!(&**b, Expr::Path(p) if state.values.contains_key(&at_least(p)));
                        let (yes, no) = compare(op, left, b, met);
                        all.extend(split(a, state, yes, no, self.narrow));
                    }
                }
                all
            }
            _ => {
                let mut all = Vec::new();
                for (state, value) in self.eval(flow, e, state) {
                    all.extend(split(e, state, value & (N | P | F), value & Z, self.narrow));
                }
                all
            }
        }
    }

    fn flow(&mut self, function: Id) -> Rc<Flow> {
        if let Some(flow) = self.flows.get(&function) {
            return flow.clone();
        }
        let symbol = self.program.symbol(function);
        if symbol.unparsed.is_some() {
            self.unparsed.insert(function);
        }
        let mut build = Build::default();
        if let Some(body) = &symbol.body {
            build.statement(body);
        }
        let flow = Rc::new(build.finish(function.0, symbol.pointer));
        self.flows.insert(function, flow.clone());
        flow
    }
}

/// Returns whether the flags of an allocation allow only INTx.
pub fn intx_only(call: &Call) -> bool {
    let flags = call.texts.get(3).map_or("", String::as_str);
    flags.contains("PCI_IRQ_INTX") && !flags.contains("PCI_IRQ_MSI") && !flags.contains("PCI_IRQ_ALL_TYPES")
}

/// Returns whether the interrupt is one that wakes the system, which is no vector of the device.
fn wakes(call: &Call) -> bool {
    call.texts.iter().take(2).any(|text| text.contains("wake"))
}

/// Stands for the number of allocated vectors, which is at least this.
fn at_least(text: &str) -> Name {
    format!(">={text}").into()
}

fn enabled(path: &str) -> bool {
    path.ends_with("->msi_enabled") || path.ends_with("->msix_enabled")
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn allocates(program: &Program<'_>, id: Id) -> bool {
    let names = &program.symbol(id).names;
    ALLOCATE.iter().any(|call| names.contains(*call))
}

fn enables(program: &Program<'_>, id: Id) -> bool {
    let symbol = program.symbol(id);
    symbol.body.is_some() && symbol.names.contains(ENABLE)
}

fn sign(n: i8) -> u8 {
    match n {
        0 => Z,
        1.. => P,
        _ => N,
    }
}

fn set(state: &mut State, target: &Name, value: u8) {
    if value == ALL {
        state.values.remove(target);
    } else {
        state.values.insert(target.clone(), value);
    }
}

/// Which values of the left side make `op` true, and which false.
fn compare(op: &str, left: u8, right: &Expr, met: bool) -> (u8, u8) {
    let (less, equal, more) = match right {
        _ if met && matches!(op, "<" | ">=") => (N | Z, P | F, P | F),
        Expr::Number(0) => (N, Z, P | F),
        Expr::Number(n) if *n < 0 => (N, N, N | Z | P | F),
        // The number that was asked for was allocated, which says nothing about how many that is.
        _ => (N | Z | P, P | Z | F, P),
    };
    let (yes, no) = match op {
        "<" => (less, equal | more),
        "<=" => (less | equal, more),
        ">" => (more, less | equal),
        ">=" => (more | equal, less),
        "==" => (equal, less | more),
        _ => (less | more, equal),
    };
    (left & yes, left & no)
}

fn split(e: &Expr, state: State, yes: u8, no: u8, narrow: bool) -> Vec<(State, bool)> {
    let mut ways = Vec::new();
    for (value, truth) in [(yes, true), (no, false)] {
        if value == 0 {
            continue;
        }
        let mut state = state.clone();
        match e {
            Expr::Path(path) if narrow && path.contains(['-', '.', '[']) && !state.values.contains_key(path) => {}
            Expr::Path(path) | Expr::Assign(path, _) if !enabled(path) => set(&mut state, path, value),
            _ => {}
        }
        ways.push((state, truth));
    }
    ways
}

fn unique<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut found: Vec<T> = Vec::with_capacity(list.len());
    for item in list {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

#[derive(Default)]
struct Build {
    ops: Vec<(Op, usize)>,
    labels: BTreeMap<Name, usize>,
    gotos: Vec<(usize, Name)>,
    breaks: Vec<Vec<usize>>,
    continues: Vec<Vec<usize>>,
    cases: Vec<Vec<usize>>,
}

impl Build {
    fn push(&mut self, op: Op) -> usize {
        let at = self.ops.len();
        self.ops.push((op, at + 1));
        at
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Eval(e) => {
                self.push(Op::Eval(e.clone()));
            }
            Stmt::Block(all) => all.iter().for_each(|s| self.statement(s)),
            Stmt::If(condition, yes, no, _) => {
                let branch = self.push(Op::Branch(condition.clone(), 0, false));
                self.statement(yes);
                let end = self.push(Op::Nop);
                let other = self.ops.len();
                self.statement(no);
                let after = self.push(Op::Nop);
                self.ops[end].1 = after;
                self.other(branch, other);
            }
            Stmt::Loop(condition, body, step, body_first) => {
                self.breaks.push(Vec::new());
                self.continues.push(Vec::new());
                let first = (!body_first).then(|| self.push(Op::Branch(condition.clone(), 0, true)));
                let top = self.ops.len();
                self.statement(body);
                let next = self.push(Op::Nop);
                if let Some(step) = step {
                    self.push(Op::Eval(step.clone()));
                }
                let again = self.push(Op::Branch(condition.clone(), 0, false));
                self.ops[again].1 = top;
                let after = self.push(Op::Nop);
                self.other(again, after);
                if let Some(first) = first {
                    self.other(first, after);
                }
                for at in self.breaks.pop().unwrap_or_default() {
                    self.ops[at].1 = after;
                }
                for at in self.continues.pop().unwrap_or_default() {
                    self.ops[at].1 = next;
                }
            }
            Stmt::Switch(e, body) => {
                self.push(Op::Eval(e.clone()));
                let fork = self.push(Op::Fork(Vec::new()));
                self.breaks.push(Vec::new());
                self.cases.push(Vec::new());
                self.statement(body);
                let after = self.push(Op::Nop);
                let mut cases = self.cases.pop().unwrap_or_default();
                cases.push(after);
                self.ops[fork].0 = Op::Fork(cases);
                for at in self.breaks.pop().unwrap_or_default() {
                    self.ops[at].1 = after;
                }
            }
            Stmt::Case => {
                let at = self.push(Op::Nop);
                if let Some(cases) = self.cases.last_mut() {
                    cases.push(at);
                }
            }
            Stmt::Return(e, line) => {
                self.push(Op::Return(e.clone(), *line));
            }
            Stmt::Goto(label, line) => {
                let at = self.push(Op::Goto(*line));
                self.gotos.push((at, label.clone()));
            }
            Stmt::Label(label) => {
                let at = self.push(Op::Nop);
                self.labels.insert(label.clone(), at);
            }
            Stmt::Break => {
                let at = self.push(Op::Nop);
                if let Some(breaks) = self.breaks.last_mut() {
                    breaks.push(at);
                }
            }
            Stmt::Continue => {
                let at = self.push(Op::Nop);
                if let Some(continues) = self.continues.last_mut() {
                    continues.push(at);
                }
            }
        }
    }

    fn other(&mut self, at: usize, target: usize) {
        if let Op::Branch(_, other, _) = &mut self.ops[at].0 {
            *other = target;
        }
    }

    fn finish(mut self, file: usize, pointer: bool) -> Flow {
        let end = self.push(Op::Return(None, 0));
        for (at, label) in &self.gotos {
            self.ops[*at].1 = self.labels.get(label).copied().unwrap_or(end);
        }
        Flow { ops: self.ops, file, pointer }
    }
}
