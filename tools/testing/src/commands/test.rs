// SPDX-License-Identifier: GPL-2.0

//! The tests of `make test`, as rows.

use std::{sync::mpsc, thread};

use crate::{
    bench,
    checks::{census, docs, kunit, model, no_pci, objects, samples, scripts, source, tree},
    common::*,
    evidence::{self, Chosen},
    guest::*,
    host::packages,
    kernel::*,
    verdict::*,
};

/// Which tests to run.
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

    /// Selects the tests whose name contains `filter`.
    pub fn of(filter: &str) -> Self {
        Self::new(vec![filter.into()], false)
    }

    /// Returns whether the test of that name is selected.
    pub fn has(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| name.contains(f.as_str()))
    }

    /// Returns whether this is all that a plain `make test` runs.
    fn is_whole(&self) -> bool {
        self.filters.is_empty() && !self.long
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
                .filter(|kernel| !self.is_whole() || !kernel.checks_itself())
                .chain(guest.by_name.iter().copied().filter(named))
                .collect();
            // Results on which two kernels must agree need both.
            let compared = |kernel| {
                let with = |other: &Kernel| other.counterpart() == Some(kernel);
                let asked = |other| self.wants(&format!("guest::{}::agrees::", run(other).name()));
                guest.agrees > 0 && built.iter().copied().filter(with).any(asked)
            };
            let asked = |kernel| self.wants(&format!("guest::{}::", run(kernel).name()));
            let wanted = built.iter().filter(|k| asked(**k) || compared(**k));
            runs.extend(wanted.map(|kernel| run(*kernel)));
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
}

/// The beginning of the names of all tests.
const KNOWN: &[&str] = &["guest::", "host::", "objects::", "tree::", bench::PREFIX];

/// The kernels that can boot.
pub type Kernels = BTreeMap<Kernel, Ready>;

/// The result of a run.
#[derive(Default)]
pub struct Outcome {
    /// One row per test.
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
    let evidence = Chosen::by_test(|name| selection.wants_short(name));
    let kernels = kernels(selection, &runs, &evidence);
    let (built, arriving) = mpsc::channel();
    let host = Host { prepared, selection };
    let mut rows = Vec::new();
    let mut booted = BTreeMap::new();
    thread::scope(|scope| {
        let mut known = ready.clone();
        let host = &host;
        let hosts = [
            scope.spawn(move || {
                be_patient();
                let mut rows = host.build(kernels, &mut known, &built);
                drop(built);
                rows.extend(host.tests_of_kernels(&known));
                rows
            }),
            scope.spawn(move || {
                be_patient();
                host.tests_of_sources()
            }),
        ];
        for (kernel, one) in arriving {
            ready.insert(kernel, one);
            let of_kernel = |(_, run): &(usize, &Run)| run.kernel == kernel;
            let (places, mine): (Vec<_>, Vec<_>) =
                runs.iter().enumerate().filter(of_kernel).map(|(place, run)| (place, run.clone())).unzip();
            let done = list::boot(prepared, ready, &mine);
            booted.extend(done.into_iter().map(|(at, ran)| (places[at], ran)));
        }
        rows.extend(list::rows(prepared, ready, &runs, booted));
        let found = evidence.find(prepared, ready);
        rows.extend(evidence::rows(found));
        for host in hosts {
            let found = host.join();
            rows.extend(found.expect("a test that panics is a mistake of its own"));
        }
    });
    // This runs only if it is asked for by name, and alone, because it takes long on a busy host.
    if !selection.long && selection.names(bench::PREFIX) {
        let measured = bench::measure(prepared, ready).map(|(_, rows)| rows);
        rows.extend(caught("bench::run", measured));
    }
    let kernel = ready.get(&Kernel::Ours);
    Outcome { rows, kernel: kernel.map(|ours| ours.kernel.release.clone()) }
}

/// Returns the kernels that the tests need, each with its modules.
fn kernels(selection: &Selection, runs: &[Run], evidence: &Chosen) -> Modules {
    let mut kernels = evidence.kernels();
    if selection.wants_short(&scripts::COMPILE_FAIL.prefix()) || selection.wants_short(docs::PREFIX) {
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
    for kernel in [Kernel::Stock, Kernel::Ours].into_iter().filter(|_| !selection.long && selection.names(bench::PREFIX)) {
        kernels.entry(kernel).or_default().extend(bench::modules(kernel));
    }
    kernels
}

/// The modules of each kernel, by folder.
type Modules = BTreeMap<Kernel, BTreeSet<&'static str>>;

/// Tests that need nothing but the source: the beginning of their names, the row that stands for them if they cannot run, and the
/// function that runs them.
type Test = (&'static str, &'static str, fn(&Prepared) -> Result<Vec<Row>>);

const SOURCES: [Test; 7] = [
    ("tree::", "tree::build", tree::test),
    (no_pci::NAME, no_pci::NAME, |prepared| no_pci::build_without(prepared, no_pci::NAME, &[])),
    (no_pci::NO_MSI, no_pci::NO_MSI, |prepared| no_pci::build_without(prepared, no_pci::NO_MSI, &["drivers/pci/"])),
    (source::NO_UNSAFE, "host::no-unsafe::run", |prepared| source::check(prepared, source::NO_UNSAFE)),
    (source::FORMATS, source::FORMATS, |prepared| source::check(prepared, source::FORMATS)),
    (model::PREFIX, "host::model::run", |prepared| model::explore(prepared)),
    (census::PREFIX, "host::census::run", census::rows),
];

/// What runs on this machine.
struct Host<'a> {
    prepared: &'a Prepared,
    selection: &'a Selection,
}

impl Host<'_> {
    /// Builds the kernels, and passes each on to the guests.
    fn build(&self, kernels: Modules, ready: &mut Kernels, built: &mpsc::Sender<(Kernel, Ready)>) -> Vec<Row> {
        let mut rows = Vec::new();
        for (which, modules) in kernels {
            let name = format!("host::build{}", which.suffix());
            let is_there = !which.is_grafted() && ready.contains_key(&which);
            let found = match ready.get(&which).filter(|_| is_there) {
                Some(there) => Ok(there.clone()),
                None => prepare::kernel(self.prepared, which, &modules),
            };
            match found {
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

    /// The tests that need kernels, and no guest.
    fn tests_of_kernels(&self, ready: &Kernels) -> Vec<Row> {
        let prepared = self.prepared;
        let mut rows = Vec::new();
        if let Some(Ready { kernel, .. }) = ready.get(&Kernel::Ours) {
            let prefix = scripts::COMPILE_FAIL.prefix();
            rows.extend(self.test(&prefix, "host::compile-fail::run", || scripts::COMPILE_FAIL.run(prepared, &kernel.spec.out)));
            rows.extend(self.test(samples::ANALYZER, samples::ANALYZER, || samples::analyzer(prepared, kernel)));
            rows.extend(self.test(docs::PREFIX, "host::docs::build", || docs::build(prepared)));
        }
        rows.extend(self.test("objects::", "objects::build", || objects::compare(prepared, ready)));
        rows
    }

    /// The tests that need nothing but the source.
    fn tests_of_sources(&self) -> Vec<Row> {
        let Self { prepared, selection } = *self;
        let mut rows: Vec<_> = SOURCES.iter().flat_map(|(prefix, name, run)| self.test(prefix, name, || run(prepared))).collect();
        // This runs only if it is asked for by name, because it builds one more kernel.
        if selection.names(kunit::PREFIX) {
            rows.extend(self.test(kunit::PREFIX, "host::kunit::run", || kunit::run(prepared)));
        }
        for script in [&scripts::GRAFT, &scripts::FRONT_DOOR] {
            let prefix = script.prefix();
            rows.extend(self.test(&prefix, &format!("{prefix}run"), || script.run(prepared, &ungrafted(prepared)?)));
        }
        if scripts::LINTS.iter().any(|name| selection.wants_short(name)) {
            rows.extend(caught("host::lints", scripts::lints(prepared)));
        }
        rows
    }

    /// Runs a part of the tests if one of them is selected. `prefix` is the beginning of their names, and `name` is the row that
    /// stands for them if they cannot run.
    fn test(&self, prefix: &str, name: &str, run: impl FnOnce() -> Result<Vec<Row>>) -> Vec<Row> {
        match self.selection.wants_short(prefix) {
            true => caught(name, run()),
            false => Vec::new(),
        }
    }
}

/// Leaves the processors to the guests, which have to keep time.
fn be_patient() {
    let _ = rustix::process::nice(10);
}

/// A part that could not run at all is a failed row; the other parts still run.
fn caught(name: &str, rows: Result<Vec<Row>>) -> Vec<Row> {
    rows.unwrap_or_else(|error| vec![Row::failed(name, plain(error))])
}

/// Returns the text of a failure, without terminal colours.
fn plain(error: anyhow::Error) -> String {
    console::strip_ansi_codes(&Failure::from_error(error).to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(filter: &str, long: bool) -> Vec<String> {
        Selection::new(vec![filter.into()], long).runs().iter().map(Run::name).collect()
    }

    #[test]
    fn what_is_compared_takes_both_kernels() {
        assert_eq!(chosen("guest::drivers::agrees::ahci", false), ["drivers@stock", "drivers"]);
        assert_eq!(chosen("guest::drivers@stock", false), ["drivers@stock"]);
        assert_eq!(chosen("guest::drivers@off", true), ["drivers@stock", "drivers@off"]);
    }

    #[test]
    fn the_debug_kernel_has_to_be_asked_for() {
        let whole = Selection::default().runs();
        assert!(whole.iter().all(|run| !run.kernel.checks_itself()));
        let debug = Selection::of("@debug");
        let runs = debug.runs();
        assert!(runs.iter().all(|run| run.kernel == Kernel::Debug) && runs.len() > 10);
        assert!(!debug.wants("host::") && !debug.wants("tree::"));
    }

    #[test]
    fn only_the_long_form_takes_kernels_of_its_own() {
        assert_eq!(chosen("guest::devres_nomem", false), ["devres_nomem@debug"]);
        assert_eq!(chosen("guest::devres_nomem", true), ["devres_nomem@debug-stock", "devres_nomem@debug"]);
        assert!(chosen("guest::drivers@off", false).is_empty());
    }
}
