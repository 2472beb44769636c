// SPDX-License-Identifier: GPL-2.0

//! The kernel's own parser of KTAP: it judges the form of a document, and must count the same results as ours.

use crate::{common::*, verdict::*};

#[derive(Deserialize)]
struct Group {
    misc: Counts,
}

#[derive(Debug, Deserialize)]
struct Counts {
    passed: usize,
    failed: usize,
    crashed: usize,
    skipped: usize,
    errors: usize,
}

/// Returns the faults of a document, for which `kunit.py` of the kernel in `tree` is asked: missing plans, missing or misnumbered results,
/// subtests that never ended.
pub fn agrees(session: &Session, tree: &Path, document: &Document) -> Result<(), String> {
    let count = |want: fn(&Case) -> bool| document.cases.iter().filter(|c| want(c)).count();
    let passed = count(|c| c.ok && c.skip.is_none());
    let skipped = count(|c| c.skip.is_some());
    let failed = count(|c| !c.ok && c.skip.is_none());
    let (theirs, said) = kunit(session, tree, document).ok_or("kunit.py cannot read the document")?;
    if !document.unplanned.is_empty() || theirs.errors > 0 {
        let unplanned = document.unplanned.iter().map(|name| format!("no plan before {name}"));
        let said = said.lines().filter_map(|line| Some(line.split_once("[ERROR] Test: ")?.1.to_string()));
        return Err(format!("KTAP: {}", unplanned.chain(said).collect::<Vec<_>>().join("\n")));
    }
    if theirs.passed == passed && theirs.failed + theirs.crashed == failed && theirs.skipped == skipped {
        return Ok(());
    }
    Err(format!("{passed} passed, {failed} failed, {skipped} skipped, but kunit.py counts {theirs:?}"))
}

/// Returns what `kunit.py` counts, and what it says.
fn kunit(session: &Session, tree: &Path, document: &Document) -> Option<(Counts, String)> {
    let work = tempfile::tempdir().ok()?;
    let (log, json) = (work.path().join("log"), work.path().join("json"));
    fs::write(&log, &document.text).ok()?;
    let kunit = tree.join("tools/testing/kunit/kunit.py");
    // Its exit status says whether the tests passed, which is not checked here.
    let said = cmd!(session, "python3 {kunit} parse --json={json} {log}").output().ok()?.stdout;
    let group: Group = serde_json::from_slice(&fs::read(&json).ok()?).ok()?;
    Some((group.misc, String::from_utf8_lossy(&said).into_owned()))
}
