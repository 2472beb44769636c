// SPDX-License-Identifier: GPL-2.0

//! The verdict on a driver in one word, and the lines that decide it.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use serde::Serialize;

use super::{
    graph::{calls, Id, Program, ALLOCATE, ENABLE, FREE},
    paths::{intx_only, Core, Phase, Seen, Site, Vectors, Walk, HANDLERS},
    syntax::{Call, Expr, Kind, Stmt},
};

/// Who frees the vectors, the worst answer last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// There are no vectors to free: INTx has no owner.
    IntxOnly,
    /// The device, because it was asked to.
    Managed,
    /// The driver.
    Explicit,
    /// The census could not decide.
    Undecided,
    /// The driver, but not always.
    SomePaths,
    /// The driver, at the wrong moment.
    WrongOrder,
    /// Nobody but the implicit free.
    Implicit,
    /// Nobody at all.
    Never,
}

impl Class {
    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Class::IntxOnly => "intx-only",
            Class::Managed => "managed",
            Class::Explicit => "explicit",
            Class::Undecided => "undecided",
            Class::SomePaths => "some-paths",
            Class::WrongOrder => "wrong-order",
            Class::Implicit => "implicit",
            Class::Never => "never",
        }
    }

    /// Whether the kernel reports such a driver, now that there is no implicit free.
    pub fn reported(self) -> bool {
        matches!(self, Class::Implicit | Class::Never | Class::SomePaths | Class::WrongOrder)
    }
}

/// An action of a driver whose effect the ownership rule changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Never frees: reported, and freed, at each unbind.
    NeverFrees,
    /// Leaks on some paths: reported, and freed, at the next detach.
    LeaksSometimes,
    /// Frees under a registered handler: refused, reported, and the device silenced.
    FreesUnderHandler,
    /// Frees vectors of the other owner: refused, reported, and the device silenced.
    FreesAnothers,
    /// Allocates while vectors are live: `-EBUSY`, reported.
    AllocatesWhileLive,
    /// A devm action frees: as before, if it was added after the first allocation; otherwise it finds nothing to free, and a leak
    /// is reported.
    FreesInAction,
    /// Does not look at the result of an allocation, so `-EBUSY` passes unnoticed.
    IgnoresResult,
}

impl Change {
    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Change::NeverFrees => "never frees",
            Change::LeaksSometimes => "leaks sometimes",
            Change::FreesUnderHandler => "frees under a handler",
            Change::FreesAnothers => "frees another's",
            Change::AllocatesWhileLive => "allocates while live",
            Change::FreesInAction => "frees in a devm action",
            Change::IgnoresResult => "ignores a result",
        }
    }
}

/// A line of the tree, and what is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// The file, relative to the tree.
    pub file: String,
    /// The line.
    pub line: usize,
    /// A description of it.
    pub what: String,
}

/// One file that allocates, for one driver.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The file.
    pub file: String,
    /// The driver's `struct pci_driver`, where it is, and its modules.
    pub driver: String,
    /// The file that has it.
    pub driver_file: String,
    /// The modules that is in.
    pub modules: Vec<String>,
    /// Who frees.
    pub class: Class,
    /// How it relies on the implicit free, if it does: `pci_alloc`, `legacy`, `mid-life`.
    pub kind: Option<&'static str>,
    /// The effects of the rule on it.
    pub changes: BTreeSet<Change>,
    /// The lines that decide it.
    pub because: Vec<Line>,
    /// The calls that the walk could not follow.
    pub doubts: Vec<String>,
    /// Calls of `pcim_enable_device()`.
    pub enable: Vec<Line>,
    /// Allocations in this file.
    pub allocate: Vec<Line>,
    /// Frees, in any file of the driver.
    pub free: Vec<Line>,
    /// Handlers requested and freed.
    pub handlers: Vec<Line>,
}

impl Verdict {
    /// Returns the verdict for a file that no driver was found to reach.
    pub fn unreached(file: &str, modules: Vec<String>, allocate: Vec<Line>) -> Self {
        Self {
            file: file.into(),
            driver: String::new(),
            driver_file: String::new(),
            modules,
            class: Class::Undecided,
            kind: None,
            changes: BTreeSet::new(),
            because: Vec::new(),
            doubts: vec!["no struct pci_driver was found that leads here".into()],
            enable: Vec::new(),
            allocate,
            free: Vec::new(),
            handlers: Vec::new(),
        }
    }
}

/// The result of the walk for all files that allocate for the driver.
struct Ends {
    probe: Vec<Id>,
    remove: Vec<Id>,
    failed: Vec<Core>,
    bound: Vec<Core>,
}

/// A verdict for each file that allocates for `driver`.
pub fn judge(program: &mut Program<'_>, driver: Id) -> Vec<Verdict> {
    let reach = program.reach(driver);
    let program = &*program;
    let mut lines: BTreeMap<&str, BTreeSet<Line>> = BTreeMap::new();
    let mut allocations: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    let mut ignored: BTreeSet<Line> = BTreeSet::new();
    for &id in &reach {
        let Some(body) = &program.symbol(id).body else {
            continue;
        };
        let mut all = Vec::new();
        calls(body, &mut all);
        let mut unused = Vec::new();
        discarded(body, &mut unused);
        for call in all.iter().filter(|c| !c.member) {
            let name = &*call.name;
            let list = if ALLOCATE.contains(&name) {
                let vectors = !name.starts_with("pcim_") && !intx_only(call);
                allocations.entry(id.0).or_default().push(vectors);
                "allocate"
            } else if FREE.contains(&name) {
                "free"
            } else if name == ENABLE {
                "enable"
            } else if HANDLERS.iter().any(|list| list.contains(&name)) {
                "handlers"
            } else {
                continue;
            };
            let line = Line { file: program.path(id).into(), line: call.line, what: name.into() };
            if list == "allocate" && unused.iter().any(|u| Rc::ptr_eq(u, call)) {
                ignored.insert(line.clone());
            }
            lines.entry(list).or_default().insert(line);
        }
    }
    let member = |name: &str| -> Vec<Id> {
        let members = program.symbol(driver).members.iter().filter(|(m, _)| &**m == name);
        let named = members.flat_map(|(_, function)| program.resolve(driver.0, function));
        named.filter(|f| program.symbol(*f).kind == Kind::Function).collect()
    };
    let mut walk = Walk::new(program, &reach);
    let mut ends = Ends { probe: member("probe"), remove: member("remove"), failed: vec![], bound: vec![] };
    for &probe in &ends.probe {
        let (failed, bound) = walk.run(probe, Walk::start(), Phase::Probe);
        ends.failed.extend(failed);
        ends.bound.extend(bound);
    }
    let list = |name: &str| -> Vec<Line> { lines.get(name).into_iter().flatten().cloned().collect() };
    let mut verdicts = Vec::new();
    for (&file, vectors) in &allocations {
        let path = program.paths[file].clone();
        let mut verdict = Verdict {
            driver: program.symbol(driver).name.to_string(),
            driver_file: program.path(driver).to_string(),
            modules: program.index.modules_of(program.path(driver)).to_vec(),
            class: Class::IntxOnly,
            kind: None,
            changes: BTreeSet::new(),
            because: Vec::new(),
            doubts: Vec::new(),
            enable: list("enable"),
            allocate: list("allocate").into_iter().filter(|l| l.file == path).collect(),
            free: list("free"),
            handlers: list("handlers"),
            file: path,
        };
        if vectors.iter().any(|v| *v) {
            classify(program, &mut walk, &ends, file, &mut verdict);
        } else if verdict.allocate.iter().any(|l| l.what.starts_with("pcim_")) {
            managed(program, &mut walk, &ends, file, &mut verdict);
        }
        for line in ignored.iter().filter(|line| line.file == verdict.file) {
            verdict.changes.insert(Change::IgnoresResult);
            verdict.because.push(Line { what: "the result is ignored".into(), ..line.clone() });
        }
        verdicts.push(verdict);
    }
    verdicts
}

/// Returns the calls whose result is ignored.
fn discarded(statement: &Stmt, found: &mut Vec<Rc<Call>>) {
    match statement {
        Stmt::Eval(Expr::Call(call)) => found.push(call.clone()),
        Stmt::Block(all) => all.iter().for_each(|s| discarded(s, found)),
        Stmt::If(_, a, b, _) => {
            discarded(a, found);
            discarded(b, found);
        }
        Stmt::Loop(_, body, _, _) | Stmt::Switch(_, body) => discarded(body, found),
        _ => {}
    }
}

/// Returns the forbidden actions on vectors that the device owns.
fn managed(program: &Program<'_>, walk: &mut Walk<'_>, ends: &Ends, file: usize, verdict: &mut Verdict) {
    let live = |core: &Core| matches!(core.vectors, Vectors::Managed(at) if at.file == file);
    at_run_time(walk, ends, &live);
    for core in ends.bound.iter().filter(|c| live(c)).take(64) {
        for &remove in &ends.remove {
            walk.run(remove, core.clone(), Phase::Remove);
        }
    }
    let mut wrong = wrong_order(program, &walk.seen, file);
    if walk.two_devices() {
        wrong.clear();
        verdict.doubts.push(TWO_DEVICES.into());
    }
    verdict.class = if wrong.is_empty() { Class::Managed } else { Class::WrongOrder };
    verdict.changes.extend(wrong.values());
    verdict.because.extend(wrong.into_keys());
}

const TWO_DEVICES: &str = "one function allocates for two devices, which are taken for one here";

/// The effects of callbacks on vectors while the device is bound.
#[derive(Default)]
struct AtRunTime {
    /// Allocated by these.
    by: Vec<Id>,
    /// At least one of them allocates what probe postponed.
    deferred: bool,
    /// The states with live vectors.
    live: Vec<Core>,
    /// The states with live vectors after a callback that failed.
    failed: Vec<Core>,
}

fn classify(program: &Program<'_>, walk: &mut Walk<'_>, ends: &Ends, file: usize, verdict: &mut Verdict) {
    let allocated_here = |v: Vectors| matches!(v, Vectors::Live(at) | Vectors::Freed(at, _) if at.file == file);
    let live = |core: &Core| matches!(core.vectors, Vectors::Live(at) if at.file == file);
    let line = |site: Site, what: String| Line { file: program.paths[site.file].clone(), line: site.line, what };

    let mut starts: Vec<Core> = ends.bound.iter().filter(|c| live(c)).cloned().collect();
    let mut late = AtRunTime::default();
    if starts.is_empty() {
        late = at_run_time(walk, ends, &live);
        starts.append(&mut late.live);
    }
    starts.truncate(64);

    // Remove, and devres after it.
    let (mut freed, mut left) = (BTreeSet::new(), false);
    for core in &starts {
        for (core, implicit) in detached(walk, ends, core) {
            match core.vectors {
                _ if implicit => left = true,
                Vectors::Freed(_, at) => {
                    freed.insert(at);
                }
                _ => {}
            }
        }
    }
    let (stop, reset) = if freed.is_empty() { partner(walk, &late, &starts, file) } else { (None, None) };

    // Look at a failing probe, and devres after it. A free on the way to success belongs to a second attempt, and is no cleanup.
    let abandoned = ends.bound.iter().filter_map(|c| match c.vectors {
        Vectors::Freed(_, at) => Some(at),
        _ => None,
    });
    let mut retried: BTreeSet<Site> = abandoned.collect();
    retried.extend(walk.seen.iter().filter_map(|event| match event {
        Seen::Retried(at) => Some(*at),
        _ => None,
    }));
    retried.retain(|at| !freed.contains(at));
    let (mut cleaned, mut leaks) = (BTreeSet::new(), BTreeMap::new());
    for core in ends.failed.iter().filter(|c| allocated_here(c.vectors)) {
        for (end, implicit) in walk.detach(core) {
            match (end.vectors, core.failed) {
                (_, Some(error)) if implicit => {
                    leaks.entry(error).or_insert(true);
                }
                (Vectors::Freed(_, at), error) if !implicit && !retried.contains(&at) => {
                    cleaned.insert(at);
                    error.map(|e| leaks.insert(e, false));
                }
                _ => {}
            }
        }
    }
    leaks.retain(|_, leak| *leak);
    // A callback that fails, such as open, and remove after it.
    for core in late.failed.iter().take(64) {
        if let Some(error) = core.failed {
            if detached(walk, ends, core).iter().all(|(_, left)| *left) {
                leaks.insert(error, true);
            }
        }
    }

    let seen = walk.seen.clone();
    let mut wrong = wrong_order(program, &seen, file);
    if walk.two_devices() {
        // It is not known which vectors are freed under which handlers.
        wrong.clear();
        verdict.doubts.push(TWO_DEVICES.into());
    }
    if walk.order_is_unknown() {
        wrong.clear();
    }
    let nobody = freed.is_empty() && cleaned.is_empty() && stop.is_none() && reset.is_none();
    verdict.class = if starts.is_empty() && leaks.is_empty() {
        Class::Undecided
    } else if nobody && !starts.is_empty() && verdict.enable.is_empty() {
        Class::Never
    } else if nobody && !starts.is_empty() {
        Class::Implicit
    } else if !wrong.is_empty() {
        Class::WrongOrder
    } else if starts.is_empty() {
        Class::Undecided
    } else if !leaks.is_empty() || freed.is_empty() && stop.is_none() {
        Class::SomePaths
    } else {
        Class::Explicit
    };

    // Code that could not be followed may be the code that frees.
    let freeing = walk.callers(FREE);
    if verdict.class.reported() && walk.given_up.iter().any(|f| freeing.contains(f)) {
        verdict.class = Class::Undecided;
    }
    let changes = &mut verdict.changes;
    if verdict.class != Class::Undecided {
        changes.extend(wrong.values());
    }
    match verdict.class {
        Class::Undecided => false,
        Class::Implicit | Class::Never => changes.insert(Change::NeverFrees),
        _ if !leaks.is_empty() => changes.insert(Change::LeaksSometimes),
        _ => false,
    };

    let because = &mut verdict.because;
    for site in &freed {
        let by = if seen.contains(&Seen::FreedByAction(*site)) {
            changes.insert(Change::FreesInAction);
            "freed here by a devm action"
        } else {
            "freed here on remove"
        };
        let often = if left { ", on a condition" } else { "" };
        because.push(line(*site, format!("{by}{often}")));
    }
    if !starts.is_empty() && freed.is_empty() && stop.is_none() {
        let remove = ends.remove.first();
        let what = if remove.is_some() { "remove does not free" } else { "there is no remove callback" };
        let at = remove.map_or((verdict.driver_file.clone(), 1), |r| (program.path(*r).into(), program.symbol(*r).line));
        because.push(Line { file: at.0, line: at.1, what: what.into() });
    }
    because.extend(cleaned.iter().map(|at| line(*at, "freed here when probe fails".into())));
    because.extend(leaks.keys().map(|at| line(*at, "an error here does not free".into())));
    for by in &late.by {
        let symbol = program.symbol(*by);
        let what = format!("{}() allocates while the device is bound", symbol.name);
        because.push(Line { file: program.path(*by).into(), line: symbol.line, what });
    }
    if let Some((by, at)) = stop {
        because.push(line(at, format!("{}() frees here, its counterpart in a table", program.symbol(by).name)));
        verdict.doubts.push("that the callbacks come in pairs before remove is taken from their table".into());
    }
    if let Some((by, at)) = reset {
        because.push(line(at, format!("{}() frees here while the device stays bound", program.symbol(by).name)));
    }
    because.extend(retried.iter().map(|at| line(*at, "freed here for a second attempt".into())));
    because.extend(wrong.into_keys());
    for event in &seen {
        match event {
            Seen::NotYetEnabled(at) if at.file == file && !verdict.enable.is_empty() && !seen.contains(&Seen::Enabled(*at)) => {
                because.push(line(*at, "allocated before pcim_enable_device()".into()));
            }
            Seen::Again(first, at) if at.file == file && first.file == file && late.by.is_empty() => {
                if verdict.class != Class::Undecided {
                    changes.insert(Change::AllocatesWhileLive);
                }
                because.push(line(*at, format!("allocated again while those of line {} are live", first.line)));
            }
            _ => {}
        }
    }
    let doubts = &mut verdict.doubts;
    if starts.is_empty() {
        doubts.push("no way was found on which vectors are live once the device is bound".into());
    }
    for &function in &walk.given_up {
        let name = &program.symbol(function).name;
        doubts.push(format!("too many ways through {name}(), {}", program.path(function)));
    }
    for &function in &walk.unparsed {
        let symbol = program.symbol(function);
        let at = symbol.unparsed.unwrap_or(symbol.line);
        doubts.push(format!("{}:{at} could not be parsed, in {}()", program.path(function), symbol.name));
    }
    if verdict.class == Class::Implicit {
        // A free when nothing is allocated, for example of MSI that firmware may have left enabled, does not count.
        let frees = |l: &Line| {
            let site = Site { file, line: l.line };
            l.file == verdict.file && (seen.contains(&Seen::Freed(site)) || !seen.contains(&Seen::FreedNothing(site)))
        };
        let mid_life = !retried.is_empty() || verdict.free.iter().any(frees);
        let legacy = verdict.allocate.iter().any(|l| l.what.starts_with("pci_enable_"));
        verdict.kind = Some(match (mid_life, legacy) {
            (true, _) => "mid-life",
            (_, true) => "legacy",
            _ => "pci_alloc",
        });
    }
}

/// The states after remove, and devres after it; and whether vectors were left then.
fn detached(walk: &mut Walk<'_>, ends: &Ends, core: &Core) -> Vec<(Core, bool)> {
    let mut removed = Vec::new();
    for &remove in &ends.remove {
        let (failed, good) = walk.run(remove, core.clone(), Phase::Remove);
        removed.extend(failed.into_iter().chain(good));
    }
    if ends.remove.is_empty() {
        removed.push(core.clone());
    }
    removed.iter().flat_map(|core| walk.detach(core)).collect()
}

fn at_run_time(walk: &mut Walk<'_>, ends: &Ends, live: &dyn Fn(&Core) -> bool) -> AtRunTime {
    let allocating = walk.callers(ALLOCATE);
    let mut callbacks = walk.callbacks();
    callbacks.retain(|c| walk.matters(*c) && !ends.remove.contains(c) && !ends.probe.contains(c));
    let puts_off = |p: &Id| walk.deferred(*p).iter().any(|c| allocating.contains(c));
    let mut found = AtRunTime { deferred: ends.probe.iter().any(puts_off), ..AtRunTime::default() };
    // One callback may set up what another one uses.
    let mut from = ends.bound.clone();
    for &callback in &callbacks {
        for core in ends.bound.iter().take(4) {
            for core in walk.run(callback, core.clone(), Phase::Bound).1 {
                if from.len() < 64 && !from.contains(&core) {
                    from.push(core);
                }
            }
        }
    }
    for callback in callbacks.into_iter().filter(|c| allocating.contains(c)) {
        for core in &from {
            let (failed, good) = walk.run(callback, core.clone(), Phase::Bound);
            // A callback that fails with its handler registered has set up again what it released.
            if !live(core) {
                let left = failed.into_iter().filter(|c| live(c) && !c.handled());
                found.failed.extend(left);
            }
            let before = found.live.len();
            found.live.extend(good.into_iter().filter(live));
            if found.live.len() > before && !found.by.contains(&callback) {
                found.by.push(callback);
            }
        }
    }
    found
}

type Freeing = Option<(Id, Site)>;

/// The callback that frees what another one of the same table allocates; or one that frees and allocates itself, e.g. at a reset.
fn partner(walk: &mut Walk<'_>, late: &AtRunTime, starts: &[Core], file: usize) -> (Freeing, Freeing) {
    let (freeing, resets) = (walk.callers(FREE), walk.resets());
    let (mut stop, mut reset) = (None, None);
    for callback in walk.callbacks().into_iter().filter(|c| freeing.contains(c) && !resets.contains(c)) {
        let itself = late.by.contains(&callback);
        // Not every use ends with a reset.
        let ends = !walk.name(callback).contains("reset");
        let pair = !itself && ends && late.by.iter().any(|by| walk.siblings(*by, callback));
        let again = itself || !ends;
        if !pair && (!again || late.deferred) {
            continue;
        }
        for core in starts.iter().take(8) {
            let (failed, good) = walk.run(callback, core.clone(), Phase::Bound);
            for core in failed.into_iter().chain(good) {
                if let Vectors::Freed(from, at) = core.vectors {
                    if from.file == file {
                        let which = if pair { &mut stop } else { &mut reset };
                        which.get_or_insert((callback, at));
                    }
                }
            }
        }
    }
    (stop, reset)
}

fn wrong_order(program: &Program<'_>, seen: &BTreeSet<Seen>, file: usize) -> BTreeMap<Line, Change> {
    let at = |site: &Site| format!("{}:{}", program.paths[site.file], site.line);
    let mut wrong = BTreeMap::new();
    for event in seen {
        let (site, what, change) = match event {
            // Vectors that are freed in the right order on the same path to the same end are freed under another condition.
            Seen::FreedUnderManagedHandler(moment, site, handler)
                if moment.2 == file
                    && moment.0 != Phase::Bound
                    && !seen.contains(&Seen::FreedAfterManagedHandler(*moment, *site)) =>
            {
                (site, format!("freed here before devres frees the handler of {}", at(handler)), Change::FreesUnderHandler)
            }
            Seen::FreedUnderHandler(moment, site, handler)
                if moment.2 == file && moment.0 != Phase::Bound && !seen.contains(&Seen::FreedAfterHandler(*moment, *site)) =>
            {
                (site, format!("freed here before the handler of {}", at(handler)), Change::FreesUnderHandler)
            }
            Seen::ActionTooEarly(site, first) if first.file == file => {
                let what = "this action frees after the MSI data is gone: registered before the allocation of";
                (site, format!("{what} {}", at(first)), Change::FreesInAction)
            }
            Seen::FreedAnothers(site, first) if first.file == file => {
                (site, format!("not the call that frees what was allocated at {}", at(first)), Change::FreesAnothers)
            }
            _ => continue,
        };
        let line = Line { file: program.paths[site.file].clone(), line: site.line, what };
        wrong.insert(line, change);
    }
    wrong
}
