// SPDX-License-Identifier: GPL-2.0

//! What a driver does with its vectors, in one word, and the lines that decide it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    graph::{calls, Id, Program, ALLOCATE, ENABLE, FREE},
    paths::{intx_only, Core, Phase, Seen, Site, Vectors, Walk, HANDLERS},
    syntax::Kind,
};

/// Who frees, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// There are no vectors to free: INTx has no owner.
    IntxOnly,
    /// The device, because it was asked to.
    Managed,
    /// The driver.
    Explicit,
    /// Not decided.
    Undecided,
    /// The driver, but not always.
    SomePaths,
    /// The driver, at the wrong moment.
    WrongOrder,
    /// Nobody but the implicit free.
    Implicit,
}

impl Class {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Class::IntxOnly => "intx-only",
            Class::Managed => "managed",
            Class::Explicit => "explicit",
            Class::Undecided => "undecided",
            Class::SomePaths => "some-paths",
            Class::WrongOrder => "wrong-order",
            Class::Implicit => "implicit",
        }
    }

    /// Whether the driver counts on the implicit free somewhere.
    pub fn relies(self) -> bool {
        matches!(self, Class::Implicit | Class::SomePaths | Class::WrongOrder)
    }
}

/// A line of the tree, and what is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// The file, relative to the tree.
    pub file: String,
    /// The line.
    pub line: usize,
    /// What is there, or what about it.
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
    /// How it relies on the implicit free, where it does: `pci_alloc`, `legacy`, `mid-life`.
    pub kind: Option<&'static str>,
    /// The lines that decide it.
    pub because: Vec<Line>,
    /// What the walk could not follow.
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

/// What the walk found, common to all files that allocate for the driver.
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
    for &id in &reach {
        let Some(body) = &program.symbol(id).body else {
            continue;
        };
        let mut all = Vec::new();
        calls(body, &mut all);
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
            let line = Line {
                file: program.path(id).into(),
                line: call.line,
                what: name.into(),
            };
            lines.entry(list).or_default().insert(line);
        }
    }
    let member = |name: &str| -> Vec<Id> {
        let members = program
            .symbol(driver)
            .members
            .iter()
            .filter(|(m, _)| &**m == name);
        let named = members.flat_map(|(_, function)| program.resolve(driver.0, function));
        named
            .filter(|f| program.symbol(*f).kind == Kind::Function)
            .collect()
    };
    let mut walk = Walk::new(program, &reach);
    let mut ends = Ends {
        probe: member("probe"),
        remove: member("remove"),
        failed: vec![],
        bound: vec![],
    };
    for &probe in &ends.probe {
        let (failed, bound) = walk.run(probe, Walk::start(), Phase::Probe);
        ends.failed.extend(failed);
        ends.bound.extend(bound);
    }
    let list =
        |name: &str| -> Vec<Line> { lines.get(name).into_iter().flatten().cloned().collect() };
    let mut verdicts = Vec::new();
    for (&file, vectors) in &allocations {
        let path = program.paths[file].clone();
        let mut verdict = Verdict {
            driver: program.symbol(driver).name.to_string(),
            driver_file: program.path(driver).to_string(),
            modules: program.index.modules_of(program.path(driver)).to_vec(),
            class: Class::IntxOnly,
            kind: None,
            because: Vec::new(),
            doubts: Vec::new(),
            enable: list("enable"),
            allocate: list("allocate")
                .into_iter()
                .filter(|l| l.file == path)
                .collect(),
            free: list("free"),
            handlers: list("handlers"),
            file: path,
        };
        if vectors.iter().any(|v| *v) {
            classify(program, &mut walk, &ends, file, &mut verdict);
        } else if verdict.allocate.iter().any(|l| l.what.starts_with("pcim_")) {
            verdict.class = Class::Managed;
        }
        verdicts.push(verdict);
    }
    verdicts
}

/// What callbacks do with vectors while the device is bound.
#[derive(Default)]
struct AtRunTime {
    /// Allocated by these.
    by: Vec<Id>,
    /// At least one of them is what probe put off.
    deferred: bool,
    /// The states with live vectors.
    live: Vec<Core>,
}

fn classify(
    program: &Program<'_>,
    walk: &mut Walk<'_>,
    ends: &Ends,
    file: usize,
    verdict: &mut Verdict,
) {
    let allocated_here =
        |v: Vectors| matches!(v, Vectors::Live(at) | Vectors::Freed(at, _) if at.file == file);
    let live = |core: &Core| matches!(core.vectors, Vectors::Live(at) if at.file == file);
    let line = |site: Site, what: String| Line {
        file: program.paths[site.file].clone(),
        line: site.line,
        what,
    };

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
        let mut removed = Vec::new();
        for &remove in &ends.remove {
            let (failed, good) = walk.run(remove, core.clone(), Phase::Remove);
            removed.extend(failed.into_iter().chain(good));
        }
        if ends.remove.is_empty() {
            removed.push(core.clone());
        }
        for core in removed {
            for (core, implicit) in walk.detach(&core) {
                match core.vectors {
                    _ if implicit => left = true,
                    Vectors::Freed(_, at) => {
                        freed.insert(at);
                    }
                    _ => {}
                }
            }
        }
    }
    let (stop, reset) = if freed.is_empty() {
        partner(walk, &late, &starts, file)
    } else {
        (None, None)
    };

    // Probe that fails, and devres after it. What is freed on the way to success is a second attempt, no cleanup.
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

    let seen: Vec<Seen> = walk.seen.iter().cloned().collect();
    let mut wrong = wrong_order(program, &seen, file);
    if walk.two_devices() {
        // Whose vectors are freed under whose handlers is not known.
        wrong.clear();
        verdict
            .doubts
            .push("one function allocates for two devices, which are taken for one here".into());
    }
    let nobody = freed.is_empty() && cleaned.is_empty() && stop.is_none() && reset.is_none();
    verdict.class = if starts.is_empty() && leaks.is_empty() {
        Class::Undecided
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

    let because = &mut verdict.because;
    for site in &freed {
        let often = if left {
            "freed here on remove, on a condition"
        } else {
            "freed here on remove"
        };
        because.push(line(*site, often.into()));
    }
    if !starts.is_empty() && freed.is_empty() && stop.is_none() {
        let remove = ends.remove.first();
        let what = if remove.is_some() {
            "remove does not free"
        } else {
            "there is no remove callback"
        };
        let at = remove.map_or((verdict.driver_file.clone(), 1), |r| {
            (program.path(*r).into(), program.symbol(*r).line)
        });
        because.push(Line {
            file: at.0,
            line: at.1,
            what: what.into(),
        });
    }
    because.extend(
        cleaned
            .iter()
            .map(|at| line(*at, "freed here when probe fails".into())),
    );
    because.extend(
        leaks
            .keys()
            .map(|at| line(*at, "an error here does not free".into())),
    );
    for by in &late.by {
        let symbol = program.symbol(*by);
        let what = format!("{}() allocates while the device is bound", symbol.name);
        because.push(Line {
            file: program.path(*by).into(),
            line: symbol.line,
            what,
        });
    }
    if let Some((by, at)) = stop {
        because.push(line(
            at,
            format!(
                "{}() frees here, its counterpart in a table",
                program.symbol(by).name
            ),
        ));
        verdict.doubts.push(
            "that the callbacks come in pairs before remove is taken from their table".into(),
        );
    }
    if let Some((by, at)) = reset {
        because.push(line(
            at,
            format!(
                "{}() frees here while the device stays bound",
                program.symbol(by).name
            ),
        ));
    }
    because.extend(
        retried
            .iter()
            .map(|at| line(*at, "freed here for a second attempt".into())),
    );
    because.extend(wrong);
    for event in &seen {
        match event {
            Seen::NotYetEnabled(at) if at.file == file && !seen.contains(&Seen::Enabled(*at)) => {
                because.push(line(*at, "allocated before pcim_enable_device()".into()));
            }
            Seen::Again(first, at)
                if at.file == file && first.file == file && late.by.is_empty() =>
            {
                because.push(line(
                    *at,
                    format!(
                        "allocated again while those of line {} are live",
                        first.line
                    ),
                ));
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
        doubts.push(format!(
            "too many ways through {name}(), {}",
            program.path(function)
        ));
    }
    for &function in &walk.unparsed {
        let symbol = program.symbol(function);
        let at = symbol.unparsed.unwrap_or(symbol.line);
        doubts.push(format!(
            "{}:{at} could not be parsed, in {}()",
            program.path(function),
            symbol.name
        ));
    }
    if verdict.class == Class::Implicit {
        // A free of nothing, such as of what firmware may have left enabled, is none.
        let frees = |l: &Line| {
            let site = Site { file, line: l.line };
            l.file == verdict.file
                && (seen.contains(&Seen::Freed(site)) || !seen.contains(&Seen::FreedNothing(site)))
        };
        let mid_life = !retried.is_empty() || verdict.free.iter().any(frees);
        let legacy = verdict
            .allocate
            .iter()
            .any(|l| l.what.starts_with("pci_enable_"));
        verdict.kind = Some(match (mid_life, legacy) {
            (true, _) => "mid-life",
            (_, true) => "legacy",
            _ => "pci_alloc",
        });
    }
}

fn at_run_time(walk: &mut Walk<'_>, ends: &Ends, live: &dyn Fn(&Core) -> bool) -> AtRunTime {
    let allocating = walk.callers(ALLOCATE);
    let mut callbacks = walk.callbacks();
    callbacks.retain(|c| walk.matters(*c) && !ends.remove.contains(c) && !ends.probe.contains(c));
    let puts_off = |p: &Id| walk.deferred(*p).iter().any(|c| allocating.contains(c));
    let mut found = AtRunTime {
        deferred: ends.probe.iter().any(puts_off),
        ..AtRunTime::default()
    };
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
            let good = walk.run(callback, core.clone(), Phase::Bound).1;
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
fn partner(
    walk: &mut Walk<'_>,
    late: &AtRunTime,
    starts: &[Core],
    file: usize,
) -> (Freeing, Freeing) {
    let (freeing, resets) = (walk.callers(FREE), walk.resets());
    let (mut stop, mut reset) = (None, None);
    for callback in walk
        .callbacks()
        .into_iter()
        .filter(|c| freeing.contains(c) && !resets.contains(c))
    {
        let itself = late.by.contains(&callback);
        // A reset is not what every use ends with.
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

fn wrong_order(program: &Program<'_>, seen: &[Seen], file: usize) -> BTreeSet<Line> {
    let at = |site: &Site| format!("{}:{}", program.paths[site.file], site.line);
    let mut wrong = BTreeSet::new();
    for event in seen {
        let (site, what) = match event {
            // What is freed in the right order on the same way to the same end is freed under another condition.
            Seen::FreedUnderManagedHandler(moment, site, handler)
                if moment.2 == file
                    && moment.0 != Phase::Bound
                    && !seen.contains(&Seen::FreedAfterManagedHandler(*moment, *site)) =>
            {
                (
                    site,
                    format!(
                        "freed here before devres frees the handler of {}",
                        at(handler)
                    ),
                )
            }
            Seen::FreedUnderHandler(moment, site, handler)
                if moment.2 == file
                    && moment.0 != Phase::Bound
                    && !seen.contains(&Seen::FreedAfterHandler(*moment, *site)) =>
            {
                (
                    site,
                    format!("freed here before the handler of {}", at(handler)),
                )
            }
            Seen::ActionTooEarly(site, first) if first.file == file => {
                let what = "this action frees after the MSI data is gone: registered before the allocation of";
                (site, format!("{what} {}", at(first)))
            }
            _ => continue,
        };
        wrong.insert(Line {
            file: program.paths[site.file].clone(),
            line: site.line,
            what,
        });
    }
    wrong
}
