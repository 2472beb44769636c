// SPDX-License-Identifier: GPL-2.0

//! `make docs`: the documentation as the kernel builds it, without a warning about our files.

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use anyhow::{Context, Result};

use crate::{
    common::{
        command::{command, output, watch, Ended, Limits},
        layout::Layout,
        ui::{elapsed, Ui},
    },
    host::packages,
    kernel::{
        prepare::{self, Prepared},
        spec::KernelSpec,
    },
    reports::results,
    verdict::row::Row,
};

/// The folders of the kernel's documentation that we add to or edit.
const FOLDERS: &str = "PCI driver-api/driver-model";

/// The beginning of the names of all tests about documentation.
pub const PREFIX: &str = "host::docs::";

/// Builds the documentation, and prints where it is.
pub fn docs(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, &[])?;
    KernelSpec::ours(layout).configure(ui, layout, &prepared.tools)?;
    let rows = build(ui, layout, &prepared)?;
    let failed = results::write(layout, "docs", None, started.elapsed(), &rows)?;
    for row in rows.iter().filter(|row| !row.ok) {
        println!("\n{}: {}", row.name, row.message);
    }
    println!(
        "\ndocs: {}. {}\n  guide    build/docs/Documentation/output/PCI/irq-vector-ownership.html\n  Rust     {}/kernel/pci/index.html",
        if failed == 0 { "ok" } else { "FAILED" },
        elapsed(started.elapsed()),
        layout.show(&KernelSpec::ours(layout).out.join(RUSTDOC)),
    );
    Ok(failed == 0)
}

const RUSTDOC: &str = "Documentation/output/rust/rustdoc";

/// Builds the documentation of a tree whose kernel is configured. Returns one row for each kind of
/// documentation.
pub fn build(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Vec<Row>> {
    packages::install(ui, layout, &packages::DOCS.iter().collect::<Vec<_>>())?;
    let ours = Ours::of(layout)?;
    Ok(vec![
        sphinx(ui, layout, prepared, &ours)?,
        kernel_doc(ui, layout, &ours)?,
        rustdoc(ui, layout, prepared)?,
    ])
}

/// Our files, which must have no warnings.
struct Ours {
    /// Files that we add.
    added: BTreeSet<String>,
    /// Files of the kernel that we edit.
    edited: BTreeSet<String>,
}

impl Ours {
    fn of(layout: &Layout) -> Result<Self> {
        let mut list = command(layout, layout.root.join("scripts/graft"));
        let edited = output(list.arg("--list-edited")).context("scripts/graft --list-edited")?;
        let mut added = BTreeSet::new();
        for folder in ["Documentation", "drivers", "include", "rust/helpers"] {
            walk(layout, &layout.root.join(folder), &mut added)?;
        }
        Ok(Self {
            added,
            edited: edited.lines().map(str::to_string).collect(),
        })
    }

    /// Returns those of `files` that kernel-doc reads.
    fn c(files: &BTreeSet<String>) -> impl Iterator<Item = &String> {
        files
            .iter()
            .filter(|f| f.ends_with(".c") || f.ends_with(".h"))
    }

    /// Returns whether a line of a log complains about one of them.
    fn blamed(&self, line: &str) -> bool {
        let complains = [
            "WARNING", "ERROR", "SEVERE", "CRITICAL", "Warning:", "Error:",
        ];
        complains.iter().any(|word| line.contains(word))
            && self
                .added
                .iter()
                .chain(&self.edited)
                .any(|file| line.contains(file.as_str()))
    }
}

fn walk(layout: &Layout, folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(layout, &path, found)?;
        } else {
            found.insert(layout.show(&path));
        }
    }
    Ok(())
}

/// Builds the pages with Sphinx. Pages of other folders are not built, so references to them are not
/// checked.
fn sphinx(ui: &Ui, layout: &Layout, prepared: &Prepared, ours: &Ours) -> Result<Row> {
    let mut make = prepared
        .tools
        .make(layout, &layout.linux(), &layout.build.join("docs"));
    make.arg("htmldocs").arg(format!("SPHINXDIRS={FOLDERS}"));
    // Without this Python writes compiled files into the source tree.
    make.env("PYTHONDONTWRITEBYTECODE", "1");
    // Sphinx does not repeat warnings about pages that have not changed.
    let _ = fs::remove_dir_all(layout.build.join("docs"));
    fs::create_dir_all(layout.build.join("docs"))?;
    judge(ui, layout, "sphinx", &mut make, |line| ours.blamed(line))
}

/// Checks the comments of functions. Some of the kernel's own files lack what only `-Wall` requires.
fn kernel_doc(ui: &Ui, layout: &Layout, ours: &Ours) -> Result<Row> {
    let linux = layout.linux();
    let mut check = command(layout, "sh");
    check
        .current_dir(&linux)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let join = |files: &BTreeSet<String>| Ours::c(files).cloned().collect::<Vec<_>>().join(" ");
    check.arg("-c").arg(format!(
        "scripts/kernel-doc -none -Wall {} && scripts/kernel-doc -none {}",
        join(&ours.added),
        join(&ours.edited)
    ));
    judge(ui, layout, "kernel-doc", &mut check, |line| {
        !line.trim().is_empty()
    })
}

/// Builds the documentation of the Rust API. The kernel's own part must have no warnings either.
fn rustdoc(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Row> {
    let spec = KernelSpec::ours(layout);
    let mut make = prepared.tools.make(layout, &spec.source, &spec.out);
    make.arg("rustdoc");
    judge(ui, layout, "rustdoc", &mut make, |line| {
        line.starts_with("warning") || line.starts_with("error")
    })
}

fn judge(
    ui: &Ui,
    layout: &Layout,
    name: &str,
    tool: &mut std::process::Command,
    wrong: impl Fn(&str) -> bool,
) -> Result<Row> {
    let log = layout.log(&format!("docs-{name}"));
    ui.stage(name, "building the documentation", |stage| {
        let started = Instant::now();
        let ended = watch(stage, tool, &log, Limits::default())?;
        let text = fs::read_to_string(&log)?;
        let lines: Vec<_> = text.lines().filter(|line| wrong(line)).collect();
        let good = matches!(ended, Ended::Exited(status) if status.success());
        let row = if good && lines.is_empty() {
            Row::passed(format!("{PREFIX}{name}"))
        } else {
            let shown: Vec<_> = if lines.is_empty() {
                text.lines()
                    .rev()
                    .take(20)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect()
            } else {
                lines.iter().take(40).copied().collect()
            };
            let quoted: String = shown.iter().map(|l| format!("    | {l}\n")).collect();
            Row::failed(
                format!("{PREFIX}{name}"),
                format!(
                    "{name} has something to say\n{quoted}log: {}",
                    layout.show(&log)
                ),
            )
        };
        let summary = format!("{} warnings", lines.len());
        Ok((row.took(started.elapsed()), summary))
    })
}
