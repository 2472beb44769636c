// SPDX-License-Identifier: GPL-2.0

//! What is checked of the mail itself, without a build.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use regex::Regex;

use super::{mail::Repository, pieces::File, table::Table, Step};
use crate::{
    common::{
        command::{command, output},
        layout::Layout,
    },
    verdict::row::Row,
};

/// No patch of the core is longer.
const LONGEST: usize = 600;

fn row(name: &str, wrong: Vec<String>) -> Row {
    match wrong.is_empty() {
        true => Row::passed(format!("series::{name}")),
        false => Row::failed(format!("series::{name}"), wrong.join("\n")),
    }
}

/// `git am` takes the mailbox, and makes what the steps made.
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
        Ok(())
    };
    row(
        "mailbox",
        made().err().map(|e| format!("{e:#}")).into_iter().collect(),
    )
}

/// Each fix applies where no other patch is.
pub fn alone(repository: &Repository, base: &str, steps: &[Step], patches: &[PathBuf]) -> Row {
    let mut wrong = Vec::new();
    let fixes = steps
        .iter()
        .zip(&patches[1..])
        .filter(|(step, _)| step.part == "fixes");
    let read = repository.git(&["read-tree", base]);
    wrong.extend(read.err().map(|e| format!("{e:#}")));
    for (_, patch) in fixes {
        let patch = patch.display().to_string();
        let checked = repository.git(&["apply", "--cached", "--check", &patch]);
        wrong.extend(checked.err().map(|e| format!("{e:#}")));
    }
    let _ = repository.git(&["reset", "--quiet"]);
    row("fixes_stand_alone", wrong)
}

/// No patch of the core is too long to be read.
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

/// `checkpatch --strict` says nothing but what the table excuses.
pub fn checkpatch(
    layout: &Layout,
    tree: &Path,
    table: &Table,
    patches: &[PathBuf],
) -> Result<Vec<Row>> {
    let mut perl = command(layout, "perl");
    perl.current_dir(tree).arg("scripts/checkpatch.pl");
    perl.args(["--strict", "--terse", "--show-types", "--no-summary"])
        .args(&patches[1..]);
    let said = perl.output().context("running checkpatch")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let line = Regex::new(r"^(.*\.patch):\d+: \w+:(\w+): (.*)").expect("it is one");
    let mut excused = vec![0; table.exceptions.len()];
    let mut wrong = Vec::new();
    for complaint in said.lines() {
        let Some(found) = line.captures(complaint) else {
            continue;
        };
        let text = fs::read_to_string(&found[1]).unwrap_or_default();
        let subject = text
            .lines()
            .find_map(|l| l.strip_prefix("Subject: "))
            .unwrap_or_default();
        let excuse = table.exceptions.iter().position(|e| {
            e.kind == found[2] && Regex::new(&e.subject).is_ok_and(|r| r.is_match(subject))
        });
        match excuse {
            Some(at) => excused[at] += 1,
            None => wrong.push(complaint.rsplit('/').next().unwrap_or_default().to_string()),
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

/// The kernel's script names somebody for each file, by the list as it is after the series.
pub fn maintainers(
    layout: &Layout,
    tree: &Path,
    repository: &Repository,
    files: &[File],
) -> Result<Row> {
    let list = repository.folder.join("MAINTAINERS");
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path != "MAINTAINERS") {
        let mut perl = command(layout, "perl");
        perl.current_dir(tree).arg("scripts/get_maintainer.pl");
        perl.args([
            "--nogit",
            "--nogit-fallback",
            "--norolestats",
            "--no-tree",
            "--mpath",
        ])
        .arg(&list);
        let found = output(perl.arg(layout.linux().join(&file.path))).unwrap_or_default();
        let others = found
            .lines()
            .filter(|who| !who.contains("linux-kernel@vger"));
        if others.count() == 0 {
            wrong.push(file.path.clone());
        }
    }
    Ok(row("maintainers", wrong))
}
