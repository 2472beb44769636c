// SPDX-License-Identifier: GPL-2.0

//! Everything `make test` does, as rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Result;

use crate::{
    bench, census, docs,
    evidence::{self, Chosen},
    failure::Failure,
    guest::Run,
    host,
    kernel::Kernel,
    layout::Layout,
    no_pci, objects, packages, prepare,
    results::Row,
    samples, sequences, suites, tree,
    ui::Ui,
};

/// Which tests to run.
pub struct Selection {
    filter: Option<String>,
    long: bool,
}

impl Selection {
    /// Those whose name contains `filter`, or all; with `long`, only guests that have a long form, and that.
    pub fn new(filter: Option<String>, long: bool) -> Self {
        Self { filter, long }
    }

    /// The guests among them, on those of their kernels whose results are asked for.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for guest in suites::GUESTS {
            if self.long && guest.long.is_none() {
                continue;
            }
            let built: Vec<_> = guest
                .kernels
                .iter()
                .copied()
                .filter(|kernel| self.long || !kernel.only_long())
                .collect();
            let run = |kernel| Run {
                guest,
                kernel,
                long: self.long,
                words: sequences::words(guest),
            };
            // What two kernels are to agree on takes both.
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

    /// Whether tests with names that begin with `prefix` are asked for by name.
    fn names(&self, prefix: &str) -> bool {
        self.filter
            .as_ref()
            .is_some_and(|filter| filter.starts_with(prefix))
    }

    /// Whether tests with names that begin with `prefix` can be among them.
    fn wants(&self, prefix: &str) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        let known = KNOWN
            .iter()
            .any(|k| k.starts_with(filter.as_str()) || filter.starts_with(k));
        prefix.contains(filter.as_str()) || filter.starts_with(prefix) || !known
    }
}

/// How the names of all tests begin.
const KNOWN: &[&str] = &["guest::", "host::", "objects::", "tree::", bench::PREFIX];

/// What was run.
pub struct Outcome {
    /// One row per test.
    pub rows: Vec<Row>,
    /// The kernel, if it came to one.
    pub kernel: Option<String>,
}

/// Runs the tests. What cannot even be built is a failed row, so that the count at the end is never of half the tests alone.
pub fn run(ui: &Ui, layout: &Layout, linux: Option<&Path>, selection: &Selection) -> Outcome {
    let mut outcome = Outcome {
        rows: Vec::new(),
        kernel: None,
    };
    if let Err(error) = steps(ui, layout, linux, selection, &mut outcome) {
        outcome.rows.extend(caught("host::build", Err(error)));
    }
    outcome
}

fn steps(
    ui: &Ui,
    layout: &Layout,
    linux: Option<&Path>,
    selection: &Selection,
    outcome: &mut Outcome,
) -> Result<()> {
    let prepared = prepare::source(ui, layout, linux, packages::TESTS)?;
    let runs = selection.runs();
    let compile_fail = !selection.long && selection.wants(&host::COMPILE_FAIL.prefix());
    let evidence = Chosen::by_test(|name| !selection.long && selection.wants(name));
    let mut kernels: BTreeMap<Kernel, BTreeSet<&str>> = evidence.kernels();
    if compile_fail || !selection.long && selection.wants(docs::PREFIX) {
        kernels.entry(Kernel::Ours).or_default();
    }
    let analyzer = !selection.long && selection.wants(samples::ANALYZER);
    if analyzer {
        let modules = kernels.entry(Kernel::Ours).or_default();
        modules.insert(samples::TEMPLATE);
    }
    if !selection.long && selection.wants("objects::") {
        for kernel in objects::KERNELS {
            kernels.entry(kernel).or_default();
        }
    }
    for run in &runs {
        let modules = kernels.entry(run.kernel).or_default();
        modules.extend(run.guest.modules);
    }
    // Only by name: on a busy host it takes long.
    let bench = !selection.long && selection.names(bench::PREFIX);
    if bench {
        for kernel in [Kernel::Stock, Kernel::Ours] {
            let modules = kernels.entry(kernel).or_default();
            modules.extend(bench::modules(kernel));
        }
    }
    let mut ready = BTreeMap::new();
    for (which, modules) in kernels {
        let name = format!("host::build{}", which.suffix());
        match prepare::kernel(ui, layout, &prepared, which, &modules) {
            Ok(built) => {
                outcome.rows.push(Row::passed(name));
                ready.insert(which, built);
            }
            // What needs no such kernel can still be tested.
            Err(error) => outcome.rows.extend(caught(&name, Err(error))),
        }
    }
    if let Some(ours) = ready.get(&Kernel::Ours) {
        outcome.kernel = Some(ours.kernel.release.clone());
        if compile_fail {
            let found = host::COMPILE_FAIL.run(ui, layout, &ours.kernel.spec.out);
            let rows = caught("host::compile-fail::run", found);
            outcome.rows.extend(rows);
        }
        if analyzer {
            let found = samples::analyzer(ui, layout, &prepared.tools, &ours.kernel);
            outcome.rows.extend(caught(samples::ANALYZER, found));
        }
    }
    outcome.rows.extend(suites::run(ui, layout, &ready, &runs));
    if bench {
        let measured = bench::measure(ui, layout, &ready).map(|outcome| outcome.rows());
        outcome.rows.extend(caught("bench::run", measured));
    }
    let found = evidence.find(ui, layout, &prepared, &ready);
    outcome.rows.extend(evidence::rows(found));
    if selection.long {
        return Ok(());
    }
    if selection.wants(docs::PREFIX) && ready.contains_key(&Kernel::Ours) {
        let found = docs::build(ui, layout, &prepared);
        outcome.rows.extend(caught("host::docs::build", found));
    }
    if selection.wants(no_pci::NAME) {
        outcome
            .rows
            .extend(caught(no_pci::NAME, no_pci::build(ui, layout, &prepared)));
    }
    if selection.wants(no_pci::NO_MSI) {
        let found = no_pci::build_without_msi(ui, layout, &prepared);
        outcome.rows.extend(caught(no_pci::NO_MSI, found));
    }
    if selection.wants("objects::") {
        outcome.rows.extend(caught(
            "objects::build",
            objects::compare(ui, layout, &prepared, &ready),
        ));
    }
    if selection.wants(samples::NO_UNSAFE) {
        let found = samples::no_unsafe(layout);
        outcome.rows.extend(caught("host::no-unsafe::run", found));
    }
    if selection.wants("tree::") {
        let found = tree::test(ui, layout, &prepared);
        outcome.rows.extend(caught("tree::build", found));
    }
    if selection.wants(&host::GRAFT.prefix()) {
        let pristine = objects::ungrafted(ui, layout, &prepared)?;
        let found = host::GRAFT.run(ui, layout, &pristine);
        outcome.rows.extend(caught("host::graft::run", found));
    }
    if selection.wants(census::PREFIX) {
        let pristine = objects::ungrafted(ui, layout, &prepared)?;
        let version = &prepared.pristine.version;
        let found = census::rows(ui, &pristine, version, &layout.linux());
        outcome.rows.extend(caught("host::census::run", found));
    }
    if selection.wants("host::shellcheck")
        || selection.wants("host::rustfmt")
        || selection.wants("host::clippy")
    {
        outcome
            .rows
            .extend(caught("host::lints", host::lints(ui, layout)));
    }
    Ok(())
}

/// A part that could not run at all is a failed row; the other parts still run.
fn caught(name: &str, rows: Result<Vec<Row>>) -> Vec<Row> {
    rows.unwrap_or_else(|error| vec![Row::failed(name, plain(error))])
}

/// What a failure says, without the colours of the terminal it may have been made for.
fn plain(error: anyhow::Error) -> String {
    let text = Failure::from_error(error).to_string();
    console::strip_ansi_codes(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(filter: &str, long: bool) -> Vec<String> {
        let selection = Selection::new(Some(filter.into()), long);
        selection.runs().iter().map(Run::name).collect()
    }

    #[test]
    fn what_is_compared_takes_both_kernels() {
        assert_eq!(
            chosen("guest::drivers::agrees::ahci", false),
            ["drivers@stock", "drivers"]
        );
        assert_eq!(chosen("guest::drivers@stock", false), ["drivers@stock"]);
        assert_eq!(
            chosen("guest::drivers@off", true),
            ["drivers@stock", "drivers@off"]
        );
    }

    #[test]
    fn only_the_long_form_takes_kernels_of_its_own() {
        assert_eq!(chosen("guest::devres_nomem", false), ["devres_nomem@debug"]);
        assert_eq!(
            chosen("guest::devres_nomem", true),
            ["devres_nomem@debug-stock", "devres_nomem@debug"]
        );
        assert!(chosen("guest::drivers@off", false).is_empty());
    }
}
