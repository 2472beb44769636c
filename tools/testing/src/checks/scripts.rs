// SPDX-License-Identifier: GPL-2.0

//! Tests that need no guest: scripts that print KTAP, and the form of our own code.

use crate::{common::*, guest::judge, verdict::*};

const QUOTED: usize = 40;

/// The beginnings of the names of tests in scripts of ours: of grafting, undoing, updating, and all that can go wrong; of what
/// a newcomer sees first, make, scripts/setup, and the claims of the pages; and of wrong drivers, which must not compile.
pub const GRAFT: &str = "host::graft::";
pub const FRONT_DOOR: &str = "host::front-door::";
pub const COMPILE_FAIL: &str = "host::compile-fail::";

/// Runs a script of `tools/testing` that prints KTAP on `folder`. The names of its results begin with `prefix`.
pub fn run(session: &Session, prefix: &str, script: &str, doing: &str, folder: &Path) -> Result<Vec<Row>> {
    let script = session.testing().join(script);
    let name = prefix.trim_start_matches("host::").trim_end_matches("::");
    session.stage(name, doing, |stage| results(stage, prefix, &mut cmd!(session, "{script} {folder}")))
}

/// Runs a command that prints KTAP. Returns its results as rows whose names begin with `prefix`, after a summary.
pub fn results(stage: &Stage<'_>, prefix: &str, test: &mut Command) -> Result<(String, Vec<Row>)> {
    let log = stage.session.log(&prefix.trim_end_matches(":").replace("::", "-"));
    let ended = watch(stage, test, &log, HOUR)?;
    let shown = PathBuf::from(stage.session.show(&log));
    let lines = klog::lines(&fs::read(&log)?);
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for document in ktap::documents(&lines) {
        errors.extend(referee::agrees(stage.session, &stage.session.linux(), &document).err());
        let mut from = document.first + 1;
        for case in &document.cases {
            rows.push(judge::row(prefix, &shown, &Trouble::none(), case, &lines[from..=case.line]));
            from = case.line + 1;
        }
    }
    match ended {
        Ended::TimedOut | Ended::Silent => errors.push("killed, it took too long".into()),
        Ended::Exited(status) if !status.success() && rows.iter().all(|row| row.ok) => {
            errors.push(format!("{status} although every result is ok"));
        }
        Ended::Exited(_) => {}
    }
    if rows.is_empty() {
        errors.push("no results".into());
    }
    if !errors.is_empty() {
        let last = quote(lines[lines.len().saturating_sub(10)..].iter().map(|line| &line.text));
        rows.push(Row::failed(prefix.to_string() + "document", format!("{}\n{last}log: {}", errors.join("\n"), shown.display())));
    }
    let failed = rows.iter().filter(|row| !row.ok).count();
    Ok((format!("{} results, {failed} failed", rows.len()), rows))
}

pub const LINTS: [&str; 3] = ["host::shellcheck", "host::rustfmt", "host::clippy"];

/// Checks the project's own code: shell scripts with shellcheck, the runner with rustfmt and clippy.
pub fn lints(session: &Session) -> Result<Vec<Row>> {
    let mut shellcheck = command(session, "shellcheck");
    shellcheck.current_dir(&session.root).arg("--external-sources");
    shellcheck.args(scripts(session)?.iter().map(|path| session.show(path)));
    let cargo = |lint: &str| {
        let mut cargo = command(session, "cargo");
        cargo.current_dir(session.testing()).args(lint.split(' '));
        cargo.env("CARGO_TARGET_DIR", session.build.join("cargo"));
        cargo
    };
    let mend = "mend what it names";
    let fmt = "cargo fmt --all --manifest-path tools/testing/Cargo.toml";
    let clippy = cargo("clippy -q --locked --workspace --all-targets -- -Dwarnings");
    let tools = [(shellcheck, mend), (cargo("fmt --all --check"), fmt), (clippy, mend)];
    let mut rows = Vec::new();
    for (name, (mut tool, remedy)) in LINTS.into_iter().zip(tools) {
        // Debian's toolchain may lack a command of cargo.
        let part = tool.get_args().next().unwrap_or_default();
        let is_there = output(&mut cmd!(session, "cargo {part} --version")).is_some();
        rows.push(if tool.get_program() == "cargo" && !is_there {
            Row::skipped(name, format!("{part:?} is not installed"))
        } else {
            judge(session, name, "checking our own code", &mut tool, |_| false)?.or_remedy(remedy)
        });
    }
    Ok(rows)
}

/// Runs a tool that must succeed and print no line that is `wrong`.
pub fn judge(session: &Session, name: &str, doing: &str, tool: &mut Command, wrong: impl Fn(&str) -> bool) -> Result<Row> {
    let short = name.trim_start_matches("host::").replace("::", "-");
    let log = session.log(&short);
    session.stage(&short, doing, |stage| {
        let started = Instant::now();
        let good = matches!(watch(stage, tool, &log, HOUR)?, Ended::Exited(status) if status.success());
        let text = fs::read_to_string(&log)?;
        let mut lines: Vec<_> = text.lines().filter(|line| wrong(line)).take(QUOTED).collect();
        let summary = format!("{} warnings", lines.len());
        let good = good && lines.is_empty();
        if lines.is_empty() {
            lines = text.lines().collect();
            lines.drain(..lines.len().saturating_sub(QUOTED));
        }
        let row = Row::judged(name, good, || {
            let (lines, log) = (quote(lines), session.show(&log));
            format!("it has something to say\n{lines}log: {log}")
        });
        Ok((summary, row.took(started.elapsed())))
    })
}

fn scripts(session: &Session) -> Result<Vec<PathBuf>> {
    // These are for another shell.
    let mut found = vec![session.root.join(".ci/run"), session.testing().join("guest/init")];
    for folder in [session.root.join("scripts"), session.testing()] {
        for path in files(&folder, &[])? {
            let shell = path.extension().is_some_and(|e| e == "sh");
            let plain = path.extension().is_none();
            if shell || plain && fs::read(&path)?.starts_with(b"#!/bin/sh") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
