// SPDX-License-Identifier: GPL-2.0

//! `make mutations`: breaks the overlay's code in one place after another, and expects a test to notice each time.
//!
//! The clone is never touched: a copy of the overlay is patched and grafted into `build/linux` in its place. Every command
//! begins with grafting the clone's own, so that nothing is left of a mutation even where this one is interrupted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result};
use comfy_table::{presets::UTF8_FULL_CONDENSED, Table};

use crate::{
    command::command,
    failure::Failure,
    kernel::Kernel,
    layout::Layout,
    packages,
    prepare::{self, Prepared, Ready},
    results::{self, Row},
    suite::Selection,
    suites,
    ui::{elapsed, Ui},
};

/// What a graft takes of the clone.
const OVERLAY: &[&str] = &[
    "Documentation",
    "Kconfig",
    "drivers",
    "include",
    "rust",
    "samples",
    "scripts",
];

/// How many of the tests that noticed are named.
const NAMED: usize = 3;

/// One way to break the code: a patch in `tools/testing/mutations`, whose first line says what is broken.
struct Mutation {
    name: String,
    what: String,
    /// The tests that have to notice, as for `make test TEST=`.
    test: String,
    patch: PathBuf,
}

/// Tries the mutations whose names begin as one of `names` does, or all without any. `false` if no test noticed one of them.
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
    let mut ready = BTreeMap::new();
    // A test that fails anyway notices nothing.
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
        prepare::graft(ui, layout, &mutant.overlay)?;
        let found = tested(ui, layout, &prepared, &mut ready, &mutation.test);
        let row = verdict(mutation, found);
        let state = if row.ok { "noticed" } else { "NOT NOTICED" };
        ui.say(format!("       {state}: {}", mutation.name));
        rows.push(row.took(began.elapsed()));
    }
    prepare::graft(ui, layout, &layout.root)?;
    // What is run by name does not take the place of what is whole.
    let report = if names.is_empty() {
        "mutations"
    } else {
        "mutations-some"
    };
    let failed = results::write(layout, report, None, started.elapsed(), &rows)?;

    println!("\n{}", table(&mutations, &rows));
    for row in rows.iter().filter(|row| !row.ok) {
        println!("\n{}: {}", row.name, row.message);
    }
    let verdict = if failed == 0 {
        "mutations: ok"
    } else {
        "mutations: FAILED"
    };
    println!(
        "\n{verdict}. {} noticed, {failed} not noticed, {}\nresults: build/results/{report}.json   kernel: the next make restores it",
        rows.len() - failed,
        elapsed(started.elapsed())
    );
    Ok(failed == 0)
}

fn chosen(layout: &Layout, names: &[String]) -> Result<Vec<Mutation>> {
    let folder = layout.testing().join("mutations");
    let mut all = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let patch = entry?.path();
        if patch.extension().is_some_and(|e| e == "patch") {
            all.push(read(patch)?);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
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

fn read(patch: PathBuf) -> Result<Mutation> {
    let text = fs::read_to_string(&patch)?;
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
}

impl Mutant {
    fn new(layout: &Layout) -> Result<Self> {
        let overlay = layout.build.join("mutant");
        fs::create_dir_all(&overlay)?;
        Ok(Self { overlay })
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

/// Builds what `build/linux` holds now, and runs the guests that `test` asks for.
fn tested(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    ready: &mut BTreeMap<Kernel, Ready>,
    test: &str,
) -> Result<Vec<Row>> {
    let runs = Selection::new(Some(test.into()), false).runs();
    if runs.is_empty() {
        return Err(Failure::new(format!("no guest has tests named {test}")).into());
    }
    let mut modules: BTreeMap<Kernel, BTreeSet<&str>> = BTreeMap::new();
    for run in &runs {
        let of_kernel = modules.entry(run.kernel).or_default();
        of_kernel.extend(run.guest.modules);
    }
    for (which, mut modules) in modules {
        // No mutation reaches the stock kernel, which is made once, for every guest that runs on it.
        if which == Kernel::Stock {
            if ready.contains_key(&which) {
                continue;
            }
            let all = Selection::new(None, false).runs();
            let stock = all.iter().filter(|run| run.kernel == which);
            modules.extend(stock.flat_map(|run| run.guest.modules));
        }
        let built = prepare::kernel(ui, layout, prepared, which, &modules)?;
        ready.insert(which, built);
    }
    Ok(suites::run(ui, layout, ready, &runs))
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
    let mut row = Row::passed(name);
    let names: Vec<_> = red.into_iter().map(|row| row.name).collect();
    row.values.insert("red".into(), names.into());
    row
}

fn table(mutations: &[Mutation], rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header([
        "mutation",
        "what is broken",
        "tests that turned red",
        "time",
    ]);
    for (mutation, row) in mutations.iter().zip(rows) {
        let none = Vec::new();
        let red = row.values.get("red").and_then(|red| red.as_array());
        let red = red.unwrap_or(&none);
        let mut names: Vec<_> = red
            .iter()
            .filter_map(|name| name.as_str())
            .take(NAMED)
            .map(|name| name.trim_start_matches("guest::").to_string())
            .collect();
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
