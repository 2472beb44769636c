// SPDX-License-Identifier: GPL-2.0

//! The result of `make tree-check`, as a table for the terminal and as a page of the documentation.

use crate::{checks::tree::*, kernel::*, reports::rst, verdict::Row};

/// The page of the documentation that is about converted drivers.
pub const PAGE: &str = "Documentation/PCI/irq-vector-conversion.rst";

/// What stands in it between the part that is written here and the one that `make converted` writes.
pub const RUNS: &str = ".. From here on written by make converted.\n";

/// The mark in the page that what follows is written by `make converted DEBUG=1`.
pub const DEBUG_RUNS: &str = ".. From here on written by make converted DEBUG=1.\n";

/// Returns the lines of the table, the first of which is its head.
pub fn lines(files: &[Converted], found: &[Vec<Row>]) -> Vec<Vec<String>> {
    let head = ["driver", "model", "by"].map(String::from).into_iter().chain(TARGETS.iter().map(|target: &Target| target.name()));
    let cells = |(at, file): (usize, &Converted)| {
        let by = file.patch.as_ref().map_or("semantic patch".into(), |(name, _)| format!("{name}.patch"));
        let word = |found: &Vec<Row>| match found[at].result() {
            "failed" => "FAILED".to_string(),
            "skipped" => "n/a".into(),
            _ => "yes".into(),
        };
        [file.file.display().to_string(), file.model().into(), by].into_iter().chain(found.iter().map(word)).collect()
    };
    [head.collect()].into_iter().chain(files.iter().enumerate().map(cells)).collect()
}

/// Returns the page for the documentation, which replaces `old`. The part of `old` that says what has run stays.
pub fn page(prepared: &Prepared, files: &[Converted], lines: &[Vec<String>], old: &str) -> String {
    let managed = files.iter().filter(|f| f.model() == "managed").count();
    let patched = files.iter().filter(|f| f.patch.is_some()).count();
    let patches = files.iter().filter_map(|file| file.patch.as_ref());
    let mut whys: Vec<_> = patches.map(|(name, why)| format!("{name}\n  {why}\n")).collect();
    // A patch may be of several files.
    whys.dedup();
    FILES
        .page
        .replace("@MANAGED@", &managed.to_string())
        .replace("@EXPLICIT@", &(files.len() - managed).to_string())
        .replace("@SEMANTIC@", &(files.len() - patched).to_string())
        .replace("@PATCHED@", &patched.to_string())
        .replace("@VERSION@", &prepared.pristine.version)
        .replace("@TOOLS@", &prepared.tools.identity)
        .replace("@TABLE@", &rst::table(lines))
        .replace("@WHYS@", &whys.join("\n"))
        .replace("@RUNS@", &old.find(RUNS).map_or(String::new(), |at| format!("\n{}", &old[at..])))
}
