// SPDX-License-Identifier: GPL-2.0

//! Checks the mail itself, without a build.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use regex::Regex;

use super::{
    mail::Repository,
    pieces::File,
    table::{Table, DRIVERS},
    Step,
};
use crate::{
    common::{
        command::{command, output},
        layout::Layout,
    },
    verdict::row::Row,
};

/// The largest length of a patch of the core.
const LONGEST: usize = 600;

fn row(name: &str, wrong: Vec<String>) -> Row {
    match wrong.is_empty() {
        true => Row::passed(format!("series::{name}")),
        false => Row::failed(format!("series::{name}"), wrong.join("\n")),
    }
}

/// Checks that `git am` applies the mailbox, with the same result as the steps, and that reverting the patches one after
/// the other leaves nothing.
pub fn mailbox(repository: &Repository, base: &str, patches: &[PathBuf]) -> Row {
    let made = || -> Result<()> {
        let wanted = repository.git(&["rev-parse", "HEAD^{tree}"])?;
        repository.git(&["checkout", "--quiet", "--force", base])?;
        let names: Vec<_> = patches[1..]
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        let mut arguments = vec!["am", "--quiet"];
        arguments.extend(names.iter().map(String::as_str));
        if let Err(error) = repository.git(&arguments) {
            let _ = repository.git(&["am", "--abort"]);
            return Err(error);
        }
        let found = repository.git(&["rev-parse", "HEAD^{tree}"])?;
        anyhow::ensure!(found == wanted, "git am makes something else");
        for name in names.iter().rev() {
            repository.git(&["apply", "--cached", "--reverse", name])?;
        }
        let base = repository.git(&["rev-parse", &format!("{base}^{{tree}}")])?;
        let found = repository.git(&["write-tree"])?;
        anyhow::ensure!(found == base, "something is left when all are taken back");
        repository.git(&["reset", "--quiet"])?;
        Ok(())
    };
    row(
        "mailbox",
        made().err().map(|e| format!("{e:#}")).into_iter().collect(),
    )
}

/// Checks that each fix applies without any other patch, and that each driver's patch can be reverted with all others
/// applied.
pub fn alone(repository: &Repository, base: &str, steps: &[Step], patches: &[PathBuf]) -> Row {
    let mut wrong = Vec::new();
    for (part, on, more) in [("fixes", base, None), (DRIVERS, "HEAD", Some("--reverse"))] {
        let read = repository.git(&["read-tree", on]);
        wrong.extend(read.err().map(|e| format!("{e:#}")));
        for (_, patch) in steps
            .iter()
            .zip(&patches[1..])
            .filter(|(s, _)| s.part == part)
        {
            let patch = patch.display().to_string();
            let mut arguments = vec!["apply", "--cached", "--check"];
            arguments.extend(more);
            arguments.push(&patch);
            wrong.extend(repository.git(&arguments).err().map(|e| format!("{e:#}")));
        }
    }
    let _ = repository.git(&["reset", "--quiet"]);
    row("alone", wrong)
}

/// Checks that no patch of the core is too long to be read.
pub fn sizes(steps: &[Step], patches: &[PathBuf]) -> Result<Row> {
    let mut wrong = Vec::new();
    for (step, patch) in steps
        .iter()
        .zip(&patches[1..])
        .filter(|(s, _)| s.part == "core")
    {
        let text = fs::read_to_string(patch)?;
        let changed = |line: &&str| {
            line.starts_with(['+', '-']) && !line.starts_with("---") && !line.starts_with("+++")
        };
        let lines = text.lines().filter(changed).count();
        if lines > LONGEST {
            wrong.push(format!("{lines} lines: {}", step.subject));
        }
    }
    Ok(row("sizes", wrong))
}

/// Checks that `checkpatch --strict` has only complaints that the table excuses.
pub fn checkpatch(
    layout: &Layout,
    tree: &Path,
    table: &Table,
    steps: &[Step],
    patches: &[PathBuf],
) -> Result<Vec<Row>> {
    let mut perl = command(layout, "perl");
    perl.current_dir(tree).arg("scripts/checkpatch.pl");
    perl.args(["--strict", "--terse", "--show-types", "--no-summary"])
        .args(&patches[1..]);
    let said = perl.output().context("running checkpatch")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let line = Regex::new(r"^(.*\.patch):\d+: \w+:(\w+): (.*)").expect("it is one");
    let folder = format!("{}/", patches[0].parent().unwrap_or(tree).display());
    let mut excused = vec![0; table.exceptions.len()];
    let mut wrong = Vec::new();
    for complaint in said.lines() {
        let Some(found) = line.captures(complaint) else {
            continue;
        };
        let patch = patches.iter().position(|p| p.ends_with(&found[1]));
        let subject = patch.map_or("", |at| &steps[at - 1].subject);
        let fits = |pattern: &str, text: &str| Regex::new(pattern).is_ok_and(|p| p.is_match(text));
        let excuse = table.exceptions.iter().position(|exception| {
            fits(&format!("^{}$", exception.kind), &found[2]) && fits(&exception.subject, subject)
        });
        match excuse {
            Some(at) => excused[at] += 1,
            None => wrong.push(complaint.replace(&folder, "")),
        }
    }
    let rows = table
        .exceptions
        .iter()
        .zip(&excused)
        .map(|(exception, count)| {
            let name = format!("exception::{}", exception.kind);
            match count {
                0 => row(&name, vec!["nobody complains any more".into()]),
                count => {
                    let mut row = row(&name, Vec::new());
                    let note = format!("{count} times: {}", exception.reason);
                    row.values.insert("note".into(), note.into());
                    row
                }
            }
        });
    Ok(std::iter::once(row("checkpatch", wrong))
        .chain(rows.collect::<Vec<_>>())
        .collect())
}

/// Checks that the kernel's script names somebody for each file, by the list after the series.
pub fn maintainers(layout: &Layout, repository: &Repository, files: &[File]) -> Row {
    let list = repository.folder.join("MAINTAINERS");
    let unnamed = |file: &&File| {
        let mut perl = command(layout, "perl");
        perl.current_dir(layout.linux())
            .arg("scripts/get_maintainer.pl");
        perl.args(["--nogit", "--nogit-fallback", "--norolestats", "--mpath"]);
        perl.arg(&list).args(["-f", &file.path]);
        let found = output(&mut perl).unwrap_or_default();
        found.lines().all(|who| who.contains("linux-kernel@vger"))
    };
    let changed = files
        .iter()
        .filter(|file| file.first().is_some() && file.path != "MAINTAINERS");
    let wrong = changed.filter(unnamed).map(|file| file.path.clone());
    row("maintainers", wrong.collect())
}

/// Checks that the last tree is that of the graft, except for what the table leaves out.
pub fn graft(layout: &Layout, repository: &Repository, table: &Table, files: &[File]) -> Row {
    let partly = |path: &str| {
        let left_out = table.left_out.iter();
        let mut paths = left_out.flat_map(|step| step.items.keys().chain(step.lines.keys()));
        path == "MAINTAINERS" || paths.any(|key| key == path)
    };
    let differs = |file: &&File| {
        let made = fs::read(repository.folder.join(&file.path)).ok();
        made != fs::read(layout.linux().join(&file.path)).ok()
    };
    let whole = files
        .iter()
        .filter(|file| file.first().is_some() && !partly(&file.path));
    let wrong = whole.filter(differs).map(|file| file.path.clone());
    row("last_tree_is_a_graft", wrong.collect())
}

/// Checks that no step names a file that comes later, and that no header comes before a file that includes it.
pub fn order(files: &[File], steps: usize) -> Row {
    let names = [
        r#"#include\s+["<](?:[^">]*/)?([\w.-]+)[">]"#,
        r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);",
        r#"(?m)^source "(?:[^"]*/)?([^/"]+)""#,
        r"\b([\w-]+)\.o\b",
    ]
    .map(|pattern| Regex::new(pattern).expect("it is one"));
    let new: Vec<_> = files.iter().filter(|f| f.after(0).is_none()).collect();
    let mut wrong = Vec::new();
    let mut included = BTreeSet::new();
    for step in 1..=steps {
        for file in files.iter().filter(|f| f.path != "MAINTAINERS") {
            let text = file.after(step);
            if text == file.after(step - 1) {
                continue;
            }
            let path = Path::new(&file.path);
            let folders = [path.with_file_name(""), path.with_extension("")];
            let text = text.unwrap_or_default();
            for found in names.iter().flat_map(|name| name.captures_iter(&text)) {
                let name = &found[1];
                let is_named = |other: &Path| match other.extension().and_then(OsStr::to_str) {
                    Some("c" | "rs") => {
                        other.file_stem() == Some(name.as_ref())
                            && folders.iter().any(|f| other.parent() == Some(f))
                    }
                    Some(_) => other.file_name() == Some(name.as_ref()),
                    None => false,
                };
                for other in new.iter().filter(|other| is_named(Path::new(&other.path))) {
                    included.insert((other.path.as_str(), step));
                    if other.after(step).is_none() {
                        wrong.push(format!("step {step}: {} names {name}", file.path));
                    }
                }
            }
        }
        let came = new.iter().filter(|f| f.first() == Some(step));
        let headers = came.filter(|f| f.path.ends_with(".h"));
        let unused = headers.filter(|f| !included.contains(&(f.path.as_str(), step)));
        wrong.extend(unused.map(|f| format!("step {step}: nobody includes {}", f.path)));
    }
    row("order", wrong)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{pieces, table::Step},
        *,
    };

    #[test]
    fn files_come_before_what_names_them() {
        let takes = |path: &str| Step {
            take: vec![path.into()],
            ..Step::default()
        };
        let ordered = |first, second| {
            let mut files = [("x/a.c", "#include \"a.h\"\n"), ("x/a.h", "int a;\n")]
                .map(|(path, text)| File::new(path, None, text));
            pieces::assign(&mut files, &[takes(first), takes(second)], &[]).unwrap();
            order(&files, 2)
        };
        let wrong = ordered("x/a.c", "x/a.h");
        assert!(wrong.message.contains("step 1: x/a.c names a.h"));
        let wrong = ordered("x/a.h", "x/a.c");
        assert!(wrong.message.contains("step 1: nobody includes x/a.h"));
        let mut files = [("x/Makefile", "obj-y := a.o\n"), ("x/a.c", "int a;\n")]
            .map(|(path, text)| File::new(path, None, text));
        pieces::assign(&mut files, &[takes("x/a.c"), takes("x/Makefile")], &[]).unwrap();
        assert!(order(&files, 2).ok);
    }
}
