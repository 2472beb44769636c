// SPDX-License-Identifier: GPL-2.0

//! `make mutations`: breaks the overlay's code in one place after another, and expects a test to notice each time.
//!
//! The clone is never touched: a copy of the overlay is patched and grafted into `build/linux` in its place. Every command first
//! grafts the clone's own overlay, so nothing is left of a mutation even if this command is interrupted.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use comfy_table::Table;

use crate::{
    checks::scripts,
    commands::test::{self, Kernels, Selection},
    common::{command, files, read, text, Failure, Layout, Ui},
    host::packages,
    kernel::{prepare, Kernel, Prepared},
    reports::results,
    verdict::Row,
};

/// The parts of the clone that a graft uses.
const OVERLAY: &[&str] = &[
    "Documentation",
    "Kconfig",
    "drivers",
    "include",
    "rust",
    "samples",
    "scripts",
    "tools",
];

/// The beginning of the names of rows that say whether a kernel was built.
const BUILD: &str = "host::build";

/// How many of the tests that noticed are named.
const NAMED: usize = 3;

/// One way to break the code: a patch in `tools/testing/mutations`, whose first line says what is broken.
struct Mutation {
    name: String,
    what: String,
    /// The tests that must notice, in the form of `make test TEST=`.
    test: String,
    patch: PathBuf,
}

/// Tries the mutations whose names begin with one of `names`, or all if there are no names. Returns `false` if no test noticed one
/// of them.
pub fn mutations(ui: &Ui, layout: &Layout, linux: Option<&Path>, names: &[String]) -> Result<bool> {
    let started = Instant::now();
    let mutations = chosen(layout, names)?;
    let prepared = prepare::source(ui, layout, linux, packages::TESTS)?;
    let mutant = Mutant::new(layout)?;
    for mutation in &mutations {
        mutant.become_copy(layout)?;
        mutant.apply(layout, mutation)?;
    }
    let tests: BTreeSet<_> = mutations.iter().map(|m| m.test.as_str()).collect();
    // No mutation reaches the stock kernel, which is made once, with the modules of every guest.
    let mut ready = Kernels::new();
    let modules = Selection::default().runs().into_iter();
    let modules = modules.filter(|run| run.kernel == Kernel::Stock);
    let modules = modules.flat_map(|run| run.guest.modules).copied().collect();
    let stock = prepare::kernel(ui, layout, &prepared, Kernel::Stock, &modules)?;
    ready.insert(Kernel::Stock, stock);
    // A test that fails without a mutation proves nothing.
    for test in tests {
        let rows = tested(ui, layout, &prepared, &mut ready, test)?;
        if let Some(row) = rows.iter().find(|row| !row.ok) {
            let what = format!("{} fails without any mutation", row.name);
            return Err(Failure::new(what)
                .remedy(format!("make test TEST={test}"))
                .into());
        }
    }
    let mut rows = Vec::new();
    for mutation in &mutations {
        let began = Instant::now();
        mutant.become_copy(layout)?;
        mutant.apply(layout, mutation)?;
        // Tests of grafting make their own trees.
        if !mutation.test.starts_with(&scripts::GRAFT.prefix()) {
            prepare::graft(ui, layout, &mutant.overlay)?;
        }
        let found = tested(ui, &mutant.layout, &prepared, &mut ready, &mutation.test);
        let row = verdict(mutation, found);
        let state = if row.ok { "noticed" } else { "NOT NOTICED" };
        ui.say(format!("       {state}: {}", mutation.name));
        rows.push(row.took(began.elapsed()));
    }
    prepare::graft(ui, layout, &layout.root)?;
    // The report of a part does not replace that of a whole run.
    let report = if names.is_empty() {
        "mutations"
    } else {
        "mutations-some"
    };
    println!("\n{}", table(&mutations, &rows));
    let restored = "kernel: the next make restores it   ";
    results::conclude(layout, report, None, started, &rows, restored)
}

fn chosen(layout: &Layout, names: &[String]) -> Result<Vec<Mutation>> {
    let folder = layout.testing().join("mutations");
    let mut all = Vec::new();
    for patch in files(&folder, &["patch"])? {
        all.push(mutation(patch)?);
    }
    let known: Vec<_> = all.iter().map(|m| m.name.clone()).collect();
    let is_one = |m: &Mutation| names.iter().any(|name| m.name.starts_with(name.as_str()));
    all.retain(|m| names.is_empty() || is_one(m));
    if all.is_empty() {
        return Err(Failure::new("there is no such mutation")
            .remedy(format!("one of: {}", known.join(", ")))
            .into());
    }
    Ok(all)
}

fn mutation(patch: PathBuf) -> Result<Mutation> {
    let text = read(&patch)?;
    let (what, rest) = text.split_once('\n').unwrap_or_default();
    let test = rest.lines().find_map(|line| line.strip_prefix("Test: "));
    let test = test.with_context(|| format!("{} has no line `Test: `", patch.display()))?;
    let name = patch.file_stem().unwrap_or_default();
    Ok(Mutation {
        name: name.to_string_lossy().into_owned(),
        what: what.into(),
        test: test.into(),
        patch,
    })
}

/// A copy of the overlay to break.
struct Mutant {
    overlay: PathBuf,
    /// The layout with the copy in place of the clone: scripts and sources are those of the copy, built files those of the clone.
    layout: Layout,
}

impl Mutant {
    fn new(layout: &Layout) -> Result<Self> {
        let overlay = layout.build.join("mutant");
        fs::create_dir_all(&overlay)?;
        let layout = Layout {
            root: overlay.clone(),
            ..layout.clone()
        };
        Ok(Self { overlay, layout })
    }

    fn become_copy(&self, layout: &Layout) -> Result<()> {
        let from = OVERLAY.iter().map(|name| layout.root.join(name));
        let mut rsync = command(layout, "rsync");
        rsync
            .args(["-a", "--delete"])
            .args(from.filter(|path| path.exists()))
            .arg(&self.overlay);
        let status = rsync.status().context("cannot start rsync")?;
        anyhow::ensure!(status.success(), "rsync failed ({status})");
        Ok(())
    }

    fn apply(&self, layout: &Layout, mutation: &Mutation) -> Result<()> {
        let mut patch = command(layout, "patch");
        patch
            .args(["-p1", "-N", "-f", "-F0", "-r", "-"])
            .arg("--no-backup-if-mismatch");
        patch
            .current_dir(&self.overlay)
            .arg("-i")
            .arg(&mutation.patch);
        let output = patch.output().context("cannot start patch")?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        let what = format!("the mutation {} does not apply: {said}", mutation.name);
        let remedy = format!("make {} fit the code", layout.show(&mutation.patch));
        Err(Failure::new(what).remedy(remedy).into())
    }
}

/// Builds the present content of `build/linux`, and runs the tests of `test` on it and on the overlay in `layout`.
fn tested(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    ready: &mut Kernels,
    test: &str,
) -> Result<Vec<Row>> {
    let selection = Selection::of(test);
    let mut rows = test::run_prepared(ui, layout, prepared, ready, &selection).rows;
    // A kernel that does not build does not count as a test that notices.
    if let Some(row) = rows
        .iter()
        .find(|row| !row.ok && row.name.starts_with(BUILD))
    {
        return Err(Failure::new(row.message.clone()).into());
    }
    rows.retain(|row| selection.has(&row.name));
    if rows.is_empty() {
        return Err(Failure::new(format!("there are no tests named {test}")).into());
    }
    Ok(rows)
}

/// A mutation that cannot be built proves nothing.
fn verdict(mutation: &Mutation, found: Result<Vec<Row>>) -> Row {
    let name = format!("mutation::{}", mutation.name);
    let rows = match found {
        Ok(rows) => rows,
        Err(error) => return Row::failed(name, format!("{error:#}")),
    };
    let red: Vec<_> = rows.into_iter().filter(|row| !row.ok).collect();
    if red.is_empty() {
        let message = format!(
            "{}: every test of {} passes all the same\n{} lacks a case that tells the difference",
            mutation.what, mutation.test, mutation.test
        );
        return Row::failed(name, message);
    }
    let row = Row::passed(name);
    let names: Vec<_> = red.into_iter().map(|row| row.name).collect();
    row.with("red", names)
}

fn table(mutations: &[Mutation], rows: &[Row]) -> Table {
    let mut table = text::table([
        "mutation",
        "what is broken",
        "tests that turned red",
        "time",
    ]);
    for (mutation, row) in mutations.iter().zip(rows) {
        let red = row.values.get("red").and_then(|red| red.as_array());
        let red = red.into_iter().flatten().filter_map(|name| name.as_str());
        let red: Vec<_> = red.map(|name| name.trim_start_matches("guest::")).collect();
        let mut names: Vec<_> = red.iter().take(NAMED).map(|n| n.to_string()).collect();
        if red.len() > NAMED {
            names.push(format!("and {} more", red.len() - NAMED));
        }
        if red.is_empty() {
            names.push("NONE".into());
        }
        let time = row.seconds.map_or(String::new(), |s| format!("{s:.0} s"));
        table.add_row([
            mutation.name.clone(),
            mutation.what.clone(),
            names.join("\n"),
            time,
        ]);
    }
    table
}
