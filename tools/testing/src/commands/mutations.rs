// SPDX-License-Identifier: GPL-2.0

//! `make mutations`: breaks the overlay's code in one place after another, and expects a test to notice each time.
//!
//! The clone is never touched: a copy of the overlay is patched and grafted into `build/linux` in its place. Every command first
//! grafts the clone's own overlay, so nothing is left of a mutation even if this command is interrupted.

use crate::{checks::scripts, commands::test, common::*, host::packages, kernel::*, reports::results, verdict::Row};

/// The parts of the clone that a graft uses.
const OVERLAY: [&str; 8] = ["Documentation", "Kconfig", "drivers", "include", "rust", "samples", "scripts", "tools"];

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
pub fn mutations(session: &Session, names: &[String]) -> Result<bool> {
    let mutations = chosen(session, names)?;
    let prepared = prepare::source(session, packages::set("tests"))?;
    // A session with a copy of the overlay to break, in place of the clone: scripts and sources are those of the copy, built files
    // those of the clone.
    let mut mutant = prepared.clone();
    mutant.session.root = session.build.join("mutant");
    for mutation in &mutations {
        mutation.apply(session, &mutant)?;
    }
    let tests: BTreeSet<_> = mutations.iter().map(|m| m.test.as_str()).collect();
    // No mutation reaches the stock kernel, which is made once, with the modules of every guest.
    let mut ready = test::Kernels::new();
    let modules = test::Selection::default().runs().into_iter().filter(|run| run.kernel == Kernel::Stock);
    let modules = modules.flat_map(|run| run.guest.modules).copied().collect();
    ready.insert(Kernel::Stock, prepare::kernel(&prepared, Kernel::Stock, &modules)?);
    // A test that fails without a mutation proves nothing.
    for test in tests {
        if let Some(row) = tested(&prepared, &mut ready, test)?.iter().find(|row| !row.ok) {
            let what = format!("{} fails without any mutation", row.name);
            return Err(Failure::new(what).remedy(format!("make test TEST={test}")).into());
        }
    }
    let mut rows = Vec::new();
    for mutation in &mutations {
        let began = Instant::now();
        mutation.apply(session, &mutant)?;
        // Tests of grafting make their own trees.
        if !mutation.test.starts_with(scripts::GRAFT) {
            prepare::graft(session, &mutant.root)?;
        }
        let row = verdict(mutation, tested(&mutant, &mut ready, &mutation.test));
        let state = if row.ok { "noticed" } else { "NOT NOTICED" };
        session.say(format!("       {state}: {}", mutation.name));
        rows.push(row.took(began.elapsed()));
    }
    prepare::graft(session, &session.root)?;
    println!("\n{}", table(&mutations, &rows));
    results::conclude(session, &results::name("mutations", names), None, &rows, "kernel: the next make restores it   ")
}

fn chosen(session: &Session, names: &[String]) -> Result<Vec<Mutation>> {
    let mut all = Vec::new();
    for patch in files(&session.testing().join("mutations"), &["patch"])? {
        let text = read(&patch)?;
        let what = text.lines().next().unwrap_or_default().into();
        let test = text.lines().find_map(|line| line.strip_prefix("Test: "));
        let test = test.with_context(|| format!("{} has no line `Test: `", patch.display()))?.into();
        all.push(Mutation { name: patch.file_stem().unwrap_or_default().to_string_lossy().into(), what, test, patch });
    }
    let known = all.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
    all.retain(|m| is_chosen(names, &m.name));
    ensure!(!all.is_empty(), Failure::new("there is no such mutation").remedy(format!("one of: {known}")));
    Ok(all)
}

impl Mutation {
    /// Makes `mutant` a copy of the clone's overlay with this mutation.
    fn apply(&self, session: &Session, mutant: &Session) -> Result<()> {
        fs::create_dir_all(&mutant.root)?;
        let from = OVERLAY.iter().map(|name| session.root.join(name)).filter(|path| path.exists());
        let (to, patch) = (&mutant.root, &self.patch);
        succeed(&mut cmd!(session, "rsync -a --delete {from...} {to}"), "copying the overlay")?;
        let mut patch = cmd!(session, "patch -p1 -N -f -F0 -r - --no-backup-if-mismatch -i {patch}");
        succeed(patch.current_dir(to), &format!("applying the mutation {}", self.name))
            .map_err(|error| Failure::from_error(error).remedy(format!("make {} fit the code", session.show(&self.patch))).into())
    }
}

/// Builds the present content of `build/linux`, and runs the tests of `test` on it and on the overlay of its session.
fn tested(prepared: &Prepared, ready: &mut test::Kernels, test: &str) -> Result<Vec<Row>> {
    let selection = test::Selection::new(vec![test.into()], false);
    let mut rows = test::run_prepared(prepared, ready, &selection).rows;
    // A kernel that does not build does not count as a test that notices.
    if let Some(row) = rows.iter().find(|row| !row.ok && row.name.starts_with("host::build")) {
        bail!(Failure::new(row.message.clone()));
    }
    rows.retain(|row| selection.has(&row.name));
    ensure!(!rows.is_empty(), "there are no tests named {test}");
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
        let Mutation { what, test, .. } = mutation;
        let lacks = format!("{test} lacks a case that tells the difference");
        return Row::failed(name, format!("{what}: every test of {test} passes all the same\n{lacks}"));
    }
    Row::passed(name).with("red", red.into_iter().map(|row| row.name).collect::<Vec<_>>())
}

fn table(mutations: &[Mutation], rows: &[Row]) -> Table {
    let mut table = text::table(["mutation", "what is broken", "tests that turned red", "time"]);
    for (Mutation { name, what, .. }, row) in mutations.iter().zip(rows) {
        let red = row.values.get("red").and_then(|red| red.as_array()).into_iter().flatten().filter_map(|name| name.as_str());
        let red: Vec<_> = red.map(|name| name.trim_start_matches("guest::")).collect();
        let shown = match red.len() {
            0 => "NONE".into(),
            n if n > NAMED => format!("{}\nand {} more", red[..NAMED].join("\n"), n - NAMED),
            _ => red.join("\n"),
        };
        let time = row.seconds.map_or(String::new(), |s| format!("{s:.0} s"));
        table.add_row([name.as_str(), what, &shown, &time]);
    }
    table
}
