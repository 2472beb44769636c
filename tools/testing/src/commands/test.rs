// SPDX-License-Identifier: GPL-2.0

//! The tests of `make test`, as rows.

use std::{sync::mpsc, thread};

use crate::{checks::*, common::*, evidence, guest::*, host::packages, kernel::*, verdict::*};

#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Parts of names. If there are none, all tests are run.
    filters: Vec<String>,
    /// Whether only guests are run, and in their long form.
    long: bool,
}

impl Selection {
    /// Selects the tests whose name contains one of `filters`, or all. With `long`, selects only guests that have a long form.
    pub fn new(filters: Vec<String>, long: bool) -> Self {
        Self { filters, long }
    }

    pub fn has(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| name.contains(f.as_str()))
    }

    /// Returns the selected guests, on the kernels whose results are asked for.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for guest in list::guests() {
            if self.long && !guest.long {
                continue;
            }
            let run = |kernel| Run { guest, kernel, long: self.long, words: sequences::words(guest) };
            let named = |kernel: &Kernel| self.names(&format!("guest::{}", run(*kernel).name()));
            let always = guest.kernels.iter().copied();
            let built: Vec<_> = always
                .filter(|kernel| self.long || !kernel.only_long())
                // A whole run has to end within an hour on a slow machine. TEST=@debug has these guests.
                .filter(|kernel| self.long || !self.filters.is_empty() || !kernel.checks_itself())
                .chain(guest.by_name.iter().copied().filter(named))
                .collect();
            // Results on which two kernels must agree need both.
            let compared = |kernel| {
                let with = |other: &Kernel| other.counterpart() == Some(kernel);
                let asked = |other| self.wants(&format!("guest::{}::agrees::", run(other).name()));
                guest.agrees > 0 && built.iter().copied().filter(with).any(asked)
            };
            let asked = |kernel| self.wants(&format!("guest::{}::", run(kernel).name()));
            runs.extend(built.iter().filter(|k| asked(**k) || compared(**k)).map(|kernel| run(*kernel)));
        }
        runs
    }

    /// Returns whether tests with names that begin with `prefix` are asked for by name.
    fn names(&self, prefix: &str) -> bool {
        self.filters.iter().any(|filter| filter.starts_with(prefix))
    }

    /// Returns whether tests with names that begin with `prefix` can be selected.
    fn wants(&self, prefix: &str) -> bool {
        let wants = |filter: &String| {
            // A kernel's suffix is in the names of guests only.
            let known = filter.contains('@') || KNOWN.iter().any(|k| k.starts_with(filter.as_str()) || filter.starts_with(k));
            prefix.contains(filter.as_str()) || filter.starts_with(prefix) || !known
        };
        self.filters.is_empty() || self.filters.iter().any(wants)
    }

    /// Returns whether such tests can be selected that have no long form.
    fn wants_short(&self, prefix: &str) -> bool {
        !self.long && self.wants(prefix)
    }

    /// Runs a part of the tests if one of them is selected. `prefix` is the beginning of their names, and the name of the row that
    /// stands for them if they cannot run, so that `TEST=` takes it.
    fn test(&self, prefix: &str, run: impl FnOnce() -> Result<Vec<Row>>) -> Vec<Row> {
        match self.wants_short(prefix) {
            true => caught(prefix, run()),
            false => Vec::new(),
        }
    }
}

/// The beginning of the names of all tests.
const KNOWN: &[&str] = &["guest::", "host::", "objects::", "tree::"];

pub type Kernels = BTreeMap<Kernel, Ready>;

#[derive(Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    /// The kernel, if one was built.
    pub kernel: Option<String>,
}

/// Runs the tests. A part that cannot be built is a failed row, so the count at the end never omits tests silently.
pub fn run(session: &Session, selection: &Selection) -> Outcome {
    let mut outcome = match prepare::source(session, packages::set("tests")) {
        Ok(prepared) => run_prepared(&prepared, &mut Kernels::new(), selection),
        Err(error) => Outcome { rows: caught("host::build", Err(error)), kernel: None },
    };
    bounds::enforce(&mut outcome.rows);
    outcome
}

/// Runs the tests on what `build/linux` holds. Kernels without the overlay that are in `ready` already are not built again.
///
/// One thread builds the kernels one after the other, and then runs the tests on what was built. Another thread boots the guests of
/// each kernel as soon as it is built, and a third one runs the tests that need no kernel, because a guest sleeps most of the time,
/// and parts of a build use only one processor.
pub fn run_prepared(prepared: &Prepared, ready: &mut Kernels, selection: &Selection) -> Outcome {
    let runs = selection.runs();
    let sides = evidence::by_test(|name| selection.wants_short(name));
    let kernels = kernels(selection, &runs, &sides);
    let (built, arriving) = mpsc::channel();
    // Leaves the processors to the guests, which have to keep time.
    let be_patient = || rustix::process::nice(10).ok();
    let mut rows = Vec::new();
    let mut booted = BTreeMap::new();
    thread::scope(|scope| {
        let mut known = ready.clone();
        let hosts = [
            scope.spawn(move || {
                be_patient();
                let mut rows = build(prepared, kernels, &mut known, &built);
                drop(built);
                rows.extend(tests_of_kernels(prepared, selection, &known));
                rows
            }),
            scope.spawn(move || {
                be_patient();
                tests_of_sources(prepared, selection)
            }),
        ];
        for (kernel, one) in arriving {
            ready.insert(kernel, one);
            let of_kernel = |(_, run): &(usize, &Run)| run.kernel == kernel;
            let (places, mine): (Vec<_>, Vec<_>) =
                runs.iter().enumerate().filter(of_kernel).map(|(place, run)| (place, run.clone())).unzip();
            booted.extend(list::boot(prepared, ready, &mine).into_iter().map(|(at, ran)| (places[at], ran)));
        }
        rows.extend(list::rows(prepared, ready, &runs, booted));
        rows.extend(evidence::rows(evidence::find(&sides, prepared, ready)));
        for host in hosts {
            rows.extend(host.join().expect("a test that panics is a mistake of its own"));
        }
    });
    Outcome { rows, kernel: ready.get(&Kernel::Ours).map(|ours| ours.kernel.release.clone()) }
}

/// Returns the kernels that the tests need, each with its modules.
fn kernels(selection: &Selection, runs: &[Run], sides: &[evidence::Side]) -> Modules {
    let mut kernels = evidence::kernels(sides);
    if selection.wants_short(scripts::COMPILE_FAIL) || selection.wants_short(docs::PREFIX) {
        kernels.entry(Kernel::Ours).or_default();
    }
    if selection.wants_short(samples::ANALYZER) {
        kernels.entry(Kernel::Ours).or_default().insert(TEMPLATE);
    }
    for kernel in objects::KERNELS.into_iter().filter(|_| selection.wants_short("objects::")) {
        kernels.entry(kernel).or_default();
    }
    for run in runs {
        kernels.entry(run.kernel).or_default().extend(run.guest.modules);
    }
    kernels
}

/// The modules of each kernel, by folder.
type Modules = BTreeMap<Kernel, BTreeSet<&'static str>>;

/// Tests that need nothing but the source: the beginning of their names, and the function that runs them.
type Test = (&'static str, fn(&Prepared) -> Result<Vec<Row>>);

const SOURCES: [Test; 9] = [
    ("tree::", tree::test),
    (no_pci::NAME, |prepared| no_pci::build_without(prepared, no_pci::NAME, &[])),
    (no_pci::NO_MSI, |prepared| no_pci::build_without(prepared, no_pci::NO_MSI, &["drivers/pci/"])),
    (source::NO_UNSAFE, |prepared| source::check(prepared, source::NO_UNSAFE)),
    (source::FORMATS, |prepared| source::check(prepared, source::FORMATS)),
    (model::PREFIX, |prepared| model::explore(prepared)),
    (census::PREFIX, census::rows),
    (scripts::GRAFT, |prepared| {
        scripts::run(prepared, scripts::GRAFT, "graft-test.sh", "grafting, undoing, grafting again", &ungrafted(prepared)?)
    }),
    (scripts::FRONT_DOOR, |prepared| {
        let doing = "trying make with bad input, and what the pages claim";
        scripts::run(prepared, scripts::FRONT_DOOR, "front-door-test.sh", doing, &ungrafted(prepared)?)
    }),
];

/// Builds the kernels, and passes each on to the guests.
fn build(prepared: &Prepared, kernels: Modules, ready: &mut Kernels, built: &mpsc::Sender<(Kernel, Ready)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (which, modules) in kernels {
        let name = format!("host::build{}", which.suffix());
        let there = ready.get(&which).filter(|_| !which.is_grafted()).cloned();
        match there.map_or_else(|| prepare::kernel(prepared, which, &modules), Ok) {
            Ok(one) => {
                rows.push(Row::passed(name));
                ready.insert(which, one.clone());
                // Nobody receives only if that thread has panicked.
                let _ = built.send((which, one));
            }
            // Tests that do not need this kernel can still run.
            Err(error) => rows.extend(caught(&name, Err(error))),
        }
    }
    rows
}

fn tests_of_kernels(prepared: &Prepared, selection: &Selection, ready: &Kernels) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(Ready { kernel, .. }) = ready.get(&Kernel::Ours) {
        let (file, doing, out) = ("compile-fail.sh", "compiling wrong drivers", &kernel.spec.out);
        let compile_fail = || scripts::run(prepared, scripts::COMPILE_FAIL, file, doing, out);
        rows.extend(selection.test(scripts::COMPILE_FAIL, compile_fail));
        rows.extend(selection.test(samples::ANALYZER, || samples::analyzer(prepared, kernel)));
        rows.extend(selection.test(docs::PREFIX, || docs::build(prepared)));
    }
    rows.extend(selection.test("objects::", || objects::compare(prepared, ready)));
    rows
}

fn tests_of_sources(prepared: &Prepared, selection: &Selection) -> Vec<Row> {
    let mut rows: Vec<_> = SOURCES.iter().flat_map(|(prefix, run)| selection.test(prefix, || run(prepared))).collect();
    // This runs only if it is asked for by name, because it builds one more kernel.
    if selection.names(kunit::PREFIX) {
        rows.extend(selection.test(kunit::PREFIX, || kunit::run(prepared)));
    }
    if scripts::LINTS.iter().any(|name| selection.wants_short(name)) {
        rows.extend(caught("host::lints", scripts::lints(prepared)));
    }
    rows
}

/// A part that could not run at all is a failed row, without terminal colours; the other parts still run.
fn caught(name: &str, rows: Result<Vec<Row>>) -> Vec<Row> {
    let text = |error| console::strip_ansi_codes(&Failure::from_error(error).to_string()).into_owned();
    rows.unwrap_or_else(|error| vec![Row::failed(name, text(error))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_that_a_filter_takes() {
        let cases: [(&str, bool, &[&str]); 6] = [
            // What is compared takes both.
            ("guest::drivers::agrees::ahci", false, &["drivers@stock", "drivers"]),
            ("guest::drivers@stock", false, &["drivers@stock"]),
            // Only the long form takes kernels of its own.
            ("guest::drivers@off", true, &["drivers@stock", "drivers@off"]),
            ("guest::drivers@off", false, &[]),
            ("guest::devres_nomem", false, &["devres_nomem@debug"]),
            ("guest::devres_nomem", true, &["devres_nomem@debug-stock", "devres_nomem@debug"]),
        ];
        for (filter, long, names) in cases {
            assert_eq!(Selection::new(vec![filter.into()], long).runs().iter().map(Run::name).collect::<Vec<_>>(), names);
        }
    }

    #[test]
    fn the_debug_kernel_has_to_be_asked_for() {
        assert!(Selection::default().runs().iter().all(|run| !run.kernel.checks_itself()));
        let debug = Selection::new(vec!["@debug".into()], false);
        let runs = debug.runs();
        assert!(runs.iter().all(|run| run.kernel == Kernel::Debug) && runs.len() > 10);
        assert!(!debug.wants("host::") && !debug.wants("tree::"));
    }
}
