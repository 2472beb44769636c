// SPDX-License-Identifier: GPL-2.0

//! Checks our KTAP parser against the kernel's own, which must count the same results.

use serde::Deserialize;

use crate::{common::*, verdict::Document};

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

/// Lets `kunit.py` of the kernel in `tree` count the results of a document.
pub fn agrees(session: &Session, tree: &Path, document: &Document) -> Result<(), String> {
    let count = |want: fn(&crate::verdict::ktap::Case) -> bool| document.cases.iter().filter(|c| want(c)).count();
    let passed = count(|c| c.ok && c.skip.is_none());
    let skipped = count(|c| c.skip.is_some());
    let failed = count(|c| !c.ok && c.skip.is_none());
    let theirs = kunit(session, tree, document).ok_or("kunit.py cannot read the document")?;
    let same =
        theirs.passed == passed && theirs.failed + theirs.crashed == failed && theirs.skipped == skipped && theirs.errors == 0;
    if same {
        return Ok(());
    }
    Err(format!("{passed} passed, {failed} failed, {skipped} skipped, but kunit.py counts {theirs:?}"))
}

fn kunit(session: &Session, tree: &Path, document: &Document) -> Option<Counts> {
    let work = tempfile::tempdir().ok()?;
    let (log, json) = (work.path().join("log"), work.path().join("json"));
    fs::write(&log, &document.text).ok()?;
    let mut kunit = command(session, "python3");
    // Without this Python writes compiled files into the source tree, which must not be changed.
    kunit.env("PYTHONDONTWRITEBYTECODE", "1");
    kunit.arg(tree.join("tools/testing/kunit/kunit.py"));
    kunit.arg("parse").arg(format!("--json={}", json.display())).arg(&log);
    // Its exit status says whether the tests passed, which is not checked here.
    let _ = output(&mut kunit);
    let group: Group = serde_json::from_slice(&fs::read(&json).ok()?).ok()?;
    Some(group.misc)
}
