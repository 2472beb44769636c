// SPDX-License-Identifier: GPL-2.0

//! `make docs`: the documentation as the kernel builds it, without a warning about our files.

use crate::{checks::scripts::judge, common::*, host::packages, kernel::*, reports::results, verdict::Row};

const DOING: &str = "building the documentation";

/// The beginning of the names of all tests about documentation.
pub const PREFIX: &str = "host::docs::";

pub fn docs(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, &[])?;
    let spec = KernelSpec::named(&prepared, "kernel")?;
    spec.configure(&prepared)?;
    let rows = build(&prepared)?;
    let rust = session.show(&spec.out.join("Documentation/output/rust/rustdoc/kernel/pci/index.html"));
    let pages = format!("guide: build/docs/Documentation/output/PCI/irq-vector-ownership.html\nRust: {rust}\n");
    results::conclude(session, "docs", None, &rows, &pages)
}

/// Builds the documentation of a tree whose kernel is configured. Returns one row for each kind of documentation.
pub fn build(prepared: &Prepared) -> Result<Vec<Row>> {
    packages::install(prepared, packages::set("docs"))?;
    let ours = Ours::of(prepared)?;
    Ok(vec![sphinx(prepared, &ours)?, kernel_doc(prepared, &ours)?, rustdoc(prepared)?])
}

/// Our files, which must have no warnings: those that we add, and those of the kernel that we edit.
struct Ours {
    added: BTreeSet<String>,
    edited: BTreeSet<String>,
}

impl Ours {
    fn of(session: &Session) -> Result<Self> {
        let mut list = command(session, session.root.join("scripts/graft"));
        let edited = output(list.arg("--list-edited")).context("scripts/graft --list-edited")?;
        let mut added = BTreeSet::new();
        for folder in ["Documentation", "drivers", "include", "rust/helpers"] {
            added.extend(files(&session.root.join(folder), &[])?.iter().map(|file| session.show(file)));
        }
        Ok(Self { added, edited: edited.lines().map(str::to_string).collect() })
    }

    /// Returns whether a line of a log complains about one of them.
    fn blamed(&self, line: &str) -> bool {
        ["WARNING", "ERROR", "SEVERE", "CRITICAL", "Warning:", "Error:"].iter().any(|word| line.contains(word))
            && self.added.iter().chain(&self.edited).any(|file| line.contains(file.as_str()))
    }
}

/// Builds the pages with Sphinx. Pages of other folders are not built, so references to them are not checked.
fn sphinx(prepared: &Prepared, ours: &Ours) -> Result<Row> {
    let mut make = prepared.make(&prepared.linux(), &prepared.build.join("docs"));
    // The folders that we add to or edit.
    make.args(["htmldocs", "SPHINXDIRS=PCI driver-api/driver-model"]);
    // Sphinx does not repeat warnings about pages that have not changed.
    let _ = fs::remove_dir_all(prepared.build.join("docs"));
    fs::create_dir_all(prepared.build.join("docs"))?;
    judge(prepared, "host::docs::sphinx", DOING, &mut make, |line| ours.blamed(line))
}

/// Checks the comments of functions. Some of the kernel's own files lack what only `-Wall` requires.
fn kernel_doc(session: &Session, ours: &Ours) -> Result<Row> {
    let c = |files: &BTreeSet<String>| {
        files.iter().filter(|file| file.ends_with(".c") || file.ends_with(".h")).cloned().collect::<Vec<_>>().join(" ")
    };
    let mut check = command(session, "sh");
    check.current_dir(session.linux());
    let (added, edited) = (c(&ours.added), c(&ours.edited));
    check.arg("-c").arg(format!("scripts/kernel-doc -none -Wall {added} && scripts/kernel-doc -none {edited}"));
    judge(session, "host::docs::kernel-doc", DOING, &mut check, |line| !line.trim().is_empty())
}

/// Builds the documentation of the Rust API. The kernel's own part must have no warnings either.
fn rustdoc(prepared: &Prepared) -> Result<Row> {
    let spec = KernelSpec::named(prepared, "kernel")?;
    let mut make = prepared.make(&spec.source, &spec.out);
    make.arg("rustdoc");
    judge(prepared, "host::docs::rustdoc", DOING, &mut make, |line| line.starts_with("warning") || line.starts_with("error"))
}
