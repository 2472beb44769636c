// SPDX-License-Identifier: GPL-2.0

//! `make series`: the overlay as a series of patches that can go in one by one, and `make series CHECK=1`, the proof that they can.
//!
//! Which change belongs to which patch is in `tools/testing/series`. First come faults of 7.3 that the conversion mends, each patch
//! by itself; then the calls with a few users; then drivers, which can be taken back one by one; then the option, with what is
//! behind it.

mod check;
mod checkers;
mod lint;
mod mail;
mod message;
mod pieces;
mod table;

use self::{mail::Repository, pieces::File, table::glob};
use crate::{common::*, host::packages, kernel::*, reports::results};

/// One patch, and the files that it changes.
#[derive(Default)]
struct Step {
    part: &'static str,
    subject: String,
    files: Vec<String>,
    /// What git calls the tree after it.
    tree: String,
}

/// Writes the series to `build/series`, and builds and boots the steps that `check` names: `1` for all, or `FROM-TO`.
pub fn series(session: &Session, check: Option<&str>, version: usize) -> Result<bool> {
    let prepared = prepare::source(session, check.map_or(&[][..], |_| packages::set("series")))?;
    let pristine = &prepared.pristine.tree;
    let table = table::read(session)?;
    let repository = repository(session)?;
    let (mut files, base) = files(session, &repository, pristine)?;
    pieces::assign(&mut files, &table.steps, &table.left_out)?;
    files.push(maintainers(session, pristine, &repository, &files)?);
    let steps = commit(session, &repository, &table, &files, &base)?;

    let patches = session.build.join("series/patches");
    let _ = fs::remove_dir_all(&patches);
    let cover = message::cover(session, &prepared.pristine.version, &table)?;
    repository.write(&patches, &base, version, &cover)?;
    // git numbered them; the first is the cover letter.
    let written = text::files(&patches, &[])?;
    let mut rows = vec![
        lint::mailbox(session, &repository, &table, &files, &base, &written)?,
        lint::alone(&repository, &base, &steps, &written)?,
        lint::sizes(&steps, &written)?,
        lint::checkpatch(session, pristine, &table, &steps, &written)?,
        lint::maintainers(session, &repository, &files),
        checkers::rustfmt(session, pristine, &steps, &files)?,
    ];
    println!("\nseries: {} patches and a cover letter in build/series/patches; git am takes them", steps.len());
    if let Some(check) = check {
        rows.extend(check::walk(&prepared, &steps, &files, check::range(check, steps.len())?)?);
    } else {
        println!("make series CHECK=1 builds every step and boots each that changes what boots");
    }
    for row in &rows {
        let note = row.values.get("note").and_then(|note| note.as_str()).map_or(String::new(), |note| format!("  ({note})"));
        println!("{:<6} {}{note}", if row.ok { "ok" } else { "FAILED" }, row.name);
    }
    results::conclude(session, "series", None, &rows, "")
}

/// The repository of the series, which keeps the versions that were made.
fn repository(session: &Session) -> Result<Repository<'_>> {
    let known = |arguments: &[&str], otherwise: &str| {
        let said = output(command(session, "git").args(arguments)).map(|said| said.trim().to_string());
        said.filter(|said| !said.is_empty()).unwrap_or(otherwise.into())
    };
    let root = session.root.display().to_string();
    let date = ["-C", &root, "log", "-1", "--format=%cI"];
    let repository = Repository {
        session,
        folder: session.build.join("series/git"),
        name: known(&["config", "user.name"], "Nobody"),
        email: known(&["config", "user.email"], "nobody@localhost"),
        date: known(&date, BEGINNING),
    };
    fs::create_dir_all(&repository.folder)?;
    repository.git(&["init", "--quiet"])?;
    Ok(repository)
}

/// The time of commits that have no other.
const BEGINNING: &str = "2026-01-01T00:00:00Z";

/// What the graft changes, and the commit of what was there before.
fn files(session: &Session, repository: &Repository<'_>, pristine: &Path) -> Result<(Vec<File>, String)> {
    let mut paths = drivers::grafted(session)?;
    paths.insert(MAINTAINERS.into());
    let was = |path: &str| fs::read_to_string(pristine.join(path)).ok();
    let before: Vec<_> = paths.iter().map(|path| (path.as_str(), was(path))).collect();
    for tracked in repository.git(&["ls-files"])?.lines() {
        let _ = fs::remove_file(repository.folder.join(tracked));
    }
    // The same files give the same commit, so that a later version has the same base.
    let [name, email, date] = ["Linux", "linux@localhost", BEGINNING].map(String::from);
    let root = Repository { name, email, date, ..repository.clone() };
    root.git(&["checkout", "--quiet", "--orphan", &format!("making-{}", std::process::id())])?;
    root.commit(&before, "What the series applies to")?;
    let base = root.git(&["rev-parse", "HEAD"])?;

    let files = before
        .iter()
        .filter(|(path, _)| *path != MAINTAINERS)
        .map(|(path, was)| Ok(File::new(path, was.as_deref(), &read(&session.linux().join(path))?)));
    Ok((files.collect::<Result<_>>()?, base))
}

/// The list that scripts/graft leaves alone, since it says nothing to a kernel.
const MAINTAINERS: &str = "MAINTAINERS";

/// The kernel's list with our entry in its place in the alphabet. A pattern comes with the first file that it names.
fn maintainers(session: &Session, pristine: &Path, repository: &Repository, files: &[File]) -> Result<File> {
    let list = fs::read_to_string(pristine.join(MAINTAINERS))?;
    let ours = fs::read_to_string(session.root.join(MAINTAINERS))?;
    let (title, fields) = ours.split_once('\n').context("the entry has a title")?;
    let first = list.find("\n3C59X").unwrap_or(0);
    let ends = list[first..].match_indices("\n\n");
    let is_later = |at: &usize| list[*at..].lines().next().is_some_and(|line| line.to_uppercase().as_str() > title);
    let place = ends.map(|(at, _)| first + at + 2).find(is_later).unwrap_or(list.len());
    let Repository { name, email, .. } = repository;
    let entry = format!("{title}\nM:\t{name} <{email}>\nL:\tlinux-pci@vger.kernel.org\n{}\n\n", fields.trim_end());
    let (before, after) = list.split_at(place);
    let mut file = File::new(MAINTAINERS, Some(&list), &format!("{before}{entry}{after}"));
    for field in fields.lines().filter(|field| field.starts_with("F:\t")) {
        let named = glob(&field["F:\t".len()..]);
        let step = files.iter().filter(|file| named.is_match(&file.path)).filter_map(File::first).min().unwrap_or(pieces::NEVER);
        file.take_lines(step, &regex(&format!("(?m)^{}$", regex::escape(field))));
    }
    file.take_rest(file.first().context("no file of the entry comes")?);
    Ok(file)
}

/// Commits one step after the other, and says what each changes.
fn commit(session: &Session, repository: &Repository, table: &table::Table, files: &[File], base: &str) -> Result<Vec<Step>> {
    repository.git(&["checkout", "--quiet", "--force", base])?;
    let mut steps = Vec::new();
    for (at, step) in table.steps.iter().enumerate() {
        let changed = files.iter().filter_map(|file| {
            let after = file.after(at + 1);
            (file.after(at) != after).then_some((file.path.as_str(), after))
        });
        let changed: Vec<_> = changed.collect();
        let paths: Vec<_> = changed.iter().map(|(path, _)| path.to_string()).collect();
        ensure!(!paths.is_empty(), "\"{}\" changes nothing", step.subject);
        repository.commit(&changed, &message::of(session, table, step, &paths)?)?;
        steps.push(Step {
            part: step.part,
            subject: step.subject.clone(),
            files: paths,
            tree: repository.git(&["rev-parse", "HEAD^{tree}"])?,
        });
    }
    Ok(steps)
}
