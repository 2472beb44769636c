// SPDX-License-Identifier: GPL-2.0

//! Tests that need no guest: scripts that print KTAP, and the form of our own code.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    common::{
        command::{command, watch, Ended, Limits},
        layout::Layout,
        ui::Ui,
    },
    verdict::{klog, ktap, row::Row},
};

/// One of our scripts that prints KTAP. Each of its results is a row, `host::<name>::<test>`.
pub struct Script {
    /// Names it in the results, and its log.
    pub name: &'static str,
    /// Its file in `tools/testing`.
    pub file: &'static str,
    /// What it tests.
    pub doing: &'static str,
}

/// Tests grafting, undoing, updating, and everything that can go wrong.
pub const GRAFT: Script = Script {
    name: "graft",
    file: "graft-test.sh",
    doing: "grafting, undoing, grafting again",
};

/// Tests what a newcomer sees first: make, scripts/setup, and the claims of the pages.
pub const FRONT_DOOR: Script = Script {
    name: "front-door",
    file: "front-door-test.sh",
    doing: "trying make with bad input, and what the pages claim",
};

/// Tests wrong drivers, which must not compile.
pub const COMPILE_FAIL: Script = Script {
    name: "compile-fail",
    file: "compile-fail.sh",
    doing: "compiling wrong drivers",
};

impl Script {
    /// The beginning of the names of its rows.
    pub fn prefix(&self) -> String {
        format!("host::{}::", self.name)
    }

    /// Runs the script on `folder`.
    pub fn run(&self, ui: &Ui, layout: &Layout, folder: &Path) -> Result<Vec<Row>> {
        let log = layout.log(&format!("host-{}", self.name));
        ui.stage(self.name, self.doing, |stage| {
            let mut test = command(layout, layout.testing().join(self.file));
            test.arg(folder);
            let limits = Limits::total(Duration::from_secs(900));
            let ended = watch(stage, &mut test, &log, limits)?;
            let rows = rows(
                &self.prefix(),
                Path::new(&layout.show(&log)),
                &fs::read(&log)?,
                &ended,
            );
            let failed = rows.iter().filter(|row| !row.ok).count();
            let summary = format!("{} results, {failed} failed", rows.len());
            Ok((rows, summary))
        })
    }
}

/// Returns the results in a log of KTAP, as rows whose names begin with `prefix`.
pub fn rows(prefix: &str, log: &Path, bytes: &[u8], ended: &Ended) -> Vec<Row> {
    let lines = klog::lines(bytes);
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for document in ktap::documents(&lines) {
        errors.extend(document.errors);
        let mut from = document.first + 1;
        for case in document.cases {
            let name = prefix.to_string() + &case.path.join("::").replace(' ', "_");
            let said = quoted(&lines[from..case.line]);
            from = case.line + 1;
            let mut row = if case.ok {
                Row::passed(name)
            } else {
                let message = format!("the test says: not ok\n{said}log: {}", log.display());
                Row::failed(name, message)
            };
            row.skipped = case.skip;
            row.log = Some(log.to_path_buf());
            rows.push(row);
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
        let last = quoted(&lines[lines.len().saturating_sub(10)..]);
        let message = format!("{}\n{last}log: {}", errors.join("\n"), log.display());
        rows.push(Row::failed(prefix.to_string() + "document", message));
    }
    rows
}

fn quoted(lines: &[klog::Line]) -> String {
    lines
        .iter()
        .map(|line| format!("    | {}\n", line.text))
        .collect()
}

/// The rows of [`lints`].
pub const LINTS: [&str; 3] = ["host::shellcheck", "host::rustfmt", "host::clippy"];

/// Checks the project's own code: shell scripts with shellcheck, the runner with rustfmt and
/// clippy.
pub fn lints(ui: &Ui, layout: &Layout) -> Result<Vec<Row>> {
    let manifest = layout.testing().join("Cargo.toml");
    let manifest = manifest.display().to_string();
    let target = layout.build.join("cargo").display().to_string();
    let mut shellcheck = vec!["--external-sources".to_string()];
    shellcheck.extend(scripts(layout)?.iter().map(|path| layout.show(path)));
    let checks = [
        (
            "host::shellcheck",
            "shellcheck",
            shellcheck,
            "mend what it names, or apt-get install shellcheck",
        ),
        (
            "host::rustfmt",
            "cargo",
            ["fmt", "--all", "--check", "--manifest-path", &manifest]
                .map(String::from)
                .to_vec(),
            "cargo fmt --all --manifest-path tools/testing/Cargo.toml",
        ),
        (
            "host::clippy",
            "cargo",
            [
                "clippy",
                "-q",
                "--locked",
                "--workspace",
                "--all-targets",
                "--manifest-path",
                &manifest,
                "--target-dir",
                &target,
                "--",
                "-Dwarnings",
            ]
            .map(String::from)
            .to_vec(),
            "mend what it names",
        ),
    ];
    let mut rows = Vec::new();
    for (name, program, arguments, remedy) in checks {
        rows.push(lint(ui, layout, name, program, &arguments, remedy)?);
    }
    Ok(rows)
}

fn lint(
    ui: &Ui,
    layout: &Layout,
    name: &str,
    program: &str,
    arguments: &[String],
    remedy: &str,
) -> Result<Row> {
    let short = name.rsplit(':').next().unwrap_or(name);
    if !available(layout, program, arguments) {
        let mut row = Row::passed(name);
        row.skipped = Some(format!("{program} {} is not installed", arguments[0]));
        return Ok(row);
    }
    let log = layout.log(short);
    ui.stage(short, "checking our own code", |stage| {
        let started = Instant::now();
        let mut tool = command(layout, program);
        tool.args(arguments).current_dir(&layout.root);
        let ended = watch(
            stage,
            &mut tool,
            &log,
            Limits::total(Duration::from_secs(600)),
        )?;
        let good = matches!(ended, Ended::Exited(status) if status.success());
        let row = if good {
            Row::passed(name)
        } else {
            let said = fs::read_to_string(&log)?;
            let said: String = said
                .lines()
                .take(40)
                .map(|l| format!("    | {l}\n"))
                .collect();
            Row::failed(
                name,
                format!("{said}log: {}\nremedy: {remedy}", layout.show(&log)),
            )
        };
        let summary = if good {
            "clean"
        } else {
            "has something to say"
        };
        Ok((row.took(started.elapsed()), summary.into()))
    })
}

/// Returns whether the toolchain lacks this cargo command, as Debian's may.
fn available(layout: &Layout, program: &str, arguments: &[String]) -> bool {
    program != "cargo"
        || crate::common::command::output(
            command(layout, program).args([&arguments[0], "--version"]),
        )
        .is_some()
}

fn scripts(layout: &Layout) -> Result<Vec<PathBuf>> {
    let mut found = vec![
        layout.root.join(".ci/run"),
        layout.testing().join("guest/init"),
    ];
    for folder in [
        "scripts",
        "tools/testing",
        "tools/testing/guest",
        "tools/testing/guest/lib",
        "tools/testing/selftests/pci_irq_vectors",
    ] {
        for entry in fs::read_dir(layout.root.join(folder))? {
            let path = entry?.path();
            let shell = path.extension().is_some_and(|e| e == "sh");
            let plain = path.extension().is_none() && path.is_file();
            if shell || plain && fs::read(&path)?.starts_with(b"#!/bin/sh") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
