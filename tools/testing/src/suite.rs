// SPDX-License-Identifier: GPL-2.0

//! Everything `make test` does, as rows.

use std::path::Path;

use anyhow::Result;

use crate::{
    failure::Failure, guest::GuestSpec, host, layout::Layout, objects, packages, prepare,
    results::Row, suites, ui::Ui,
};

/// Which tests to run.
pub struct Selection {
    filter: Option<String>,
}

impl Selection {
    /// Those whose name contains `filter`, or all.
    pub fn new(filter: Option<String>) -> Self {
        Self { filter }
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
const KNOWN: &[&str] = &["guest::", "host::", "objects::"];

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
    let guests: Vec<&GuestSpec> = suites::GUESTS
        .iter()
        .filter(|guest| selection.wants(&format!("guest::{}::", guest.name)))
        .collect();
    let compile_fail = selection.wants(&host::COMPILE_FAIL.prefix());
    if !guests.is_empty() || compile_fail {
        match prepare::kernel(ui, layout, &prepared) {
            Ok(ready) => {
                outcome.kernel = Some(ready.kernel.release.clone());
                outcome.rows.push(Row::passed("host::build"));
                if compile_fail {
                    let found = host::COMPILE_FAIL.run(ui, layout, &ready.kernel.spec.out);
                    outcome
                        .rows
                        .extend(caught("host::compile-fail::run", found));
                }
                let found = suites::run(ui, layout, &ready.kernel, &ready.initramfs, &guests);
                outcome.rows.extend(found);
            }
            // What needs no guest can still be tested.
            Err(error) => outcome.rows.extend(caught("host::build", Err(error))),
        }
    }
    if selection.wants("objects::") {
        outcome.rows.extend(caught(
            "objects::build",
            objects::compare(ui, layout, &prepared),
        ));
    }
    if selection.wants(&host::GRAFT.prefix()) {
        let pristine = objects::ungrafted(ui, layout, &prepared)?;
        let found = host::GRAFT.run(ui, layout, &pristine);
        outcome.rows.extend(caught("host::graft::run", found));
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
