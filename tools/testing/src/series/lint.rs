// SPDX-License-Identifier: GPL-2.0

//! Checks the mail itself, without a build.

use super::{mail::Repository, pieces::File, table, Step};
use crate::{common::*, verdict::Row};

fn row(name: &str, wrong: Vec<String>) -> Row {
    Row::of(format!("series::{name}"), wrong.join("\n"))
}

/// Has `git am` put the mailbox on the files of the kernel as they are without the overlay. They must be those of the graft
/// then, except for what the table leaves out.
pub fn mailbox(
    session: &Session,
    repository: &Repository<'_>,
    table: &table::Table,
    files: &[File],
    base: &str,
    patches: &[PathBuf],
) -> Result<Row> {
    repository.git(&["checkout", "--quiet", "--force", base])?;
    let mailbox = repository.folder.join(".git/mailbox");
    let read: Result<Vec<_>, _> = patches[1..].iter().map(fs::read).collect();
    fs::write(&mailbox, read?.concat()).context("writing the mailbox")?;
    if let Err(error) = repository.git(&["am", "--quiet", "--whitespace=error", &mailbox.display().to_string()]) {
        let _ = repository.git(&["am", "--abort"]);
        return Ok(row("mailbox", vec![format!("{error:#}")]));
    }
    let partly = |path: &str| {
        let mut paths = table.left_out.iter().flat_map(|step| step.items.keys().chain(step.lines.keys()));
        path == "MAINTAINERS" || paths.any(|key| key == path)
    };
    let read = |tree: &Path, file: &File| fs::read(tree.join(&file.path)).ok();
    let differs = |file: &&File| read(&repository.folder, file) != read(&session.linux(), file) && !partly(&file.path);
    let wrong = files.iter().filter(|file| file.first().is_some()).filter(differs);
    Ok(row("mailbox", wrong.map(|file| format!("{} is not that of a graft", file.path)).collect()))
}

/// Checks that each fix applies without any other patch, and that each driver's patch can be reverted with all others applied.
pub fn alone(repository: &Repository<'_>, base: &str, steps: &[Step], patches: &[PathBuf]) -> Result<Row> {
    let mut wrong = Vec::new();
    for (part, on, how) in [("fixes", base, "--check"), ("drivers", "HEAD", "--reverse")] {
        repository.git(&["read-tree", on])?;
        for (_, patch) in steps.iter().zip(&patches[1..]).filter(|(step, _)| step.part == part) {
            let applied = repository.git(&["apply", "--cached", "--check", how, &patch.display().to_string()]);
            wrong.extend(applied.err().map(|error| format!("{error:#}")));
        }
    }
    let _ = repository.git(&["reset", "--quiet"]);
    Ok(row("alone", wrong))
}

/// Checks that no patch of the core is too long to be read.
pub fn sizes(steps: &[Step], patches: &[PathBuf]) -> Result<Row> {
    let changed = |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
    let mut wrong = Vec::new();
    for (step, patch) in steps.iter().zip(&patches[1..]) {
        let lines = fs::read_to_string(patch)?.lines().filter(changed).count();
        if lines > 600 && step.part == "core" {
            wrong.push(format!("{lines} lines: {}", step.subject));
        }
    }
    Ok(row("sizes", wrong))
}

/// Checks that `checkpatch --strict` complains of all that the table excuses, and of nothing else.
pub fn checkpatch(session: &Session, tree: &Path, table: &table::Table, steps: &[Step], patches: &[PathBuf]) -> Result<Row> {
    let mut perl = cmd!(session, "perl scripts/checkpatch.pl --strict --terse --show-types --no-summary");
    let said = perl.current_dir(tree).args(&patches[1..]).output().context("running checkpatch")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let line = regex(r"(?m)^.*/(.*\.patch):\d+: \w+:(\w+): .*");
    let mut excuses: Vec<_> = table.exceptions.iter().map(|e| (e, false)).collect();
    let mut wrong = Vec::new();
    for found in line.captures_iter(&said) {
        let at = patches.iter().position(|patch| patch.ends_with(&found[1]));
        let subject = at.map_or("", |at| &steps[at - 1].subject);
        let fits = |pattern: &str, text: &str| Regex::new(pattern).is_ok_and(|p| p.is_match(text));
        match excuses.iter_mut().find(|(e, _)| fits(&format!("^{}$", e.kind), &found[2]) && fits(&e.subject, subject)) {
            Some((_, used)) => *used = true,
            None => wrong.push(found[0].to_string()),
        }
    }
    wrong.extend(excuses.iter().filter(|(_, used)| !used).map(|(excuse, _)| {
        let table::Exception { kind, reason, .. } = excuse;
        format!("nobody complains of {kind} any more, which stays because {reason}")
    }));
    Ok(row("checkpatch", wrong))
}

/// Checks that the kernel's script names somebody for each file that the series adds, by the list after the series.
pub fn maintainers(session: &Session, repository: &Repository<'_>, files: &[File]) -> Row {
    let list = repository.folder.join("MAINTAINERS");
    let unnamed = |file: &&File| {
        let path = &file.path;
        let mut perl =
            cmd!(session, "perl scripts/get_maintainer.pl --nogit --nogit-fallback --norolestats --mpath {list} -f {path}");
        output(perl.current_dir(session.linux())).unwrap_or_default().lines().all(|who| who.contains("linux-kernel@vger"))
    };
    let is_added = |file: &&File| file.first().is_some() && file.after(0).is_none();
    row("maintainers", files.iter().filter(is_added).filter(unnamed).map(|file| file.path.clone()).collect())
}
