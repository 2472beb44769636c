// SPDX-License-Identifier: GPL-2.0

//! Every driver that allocates interrupt vectors, who frees them, and what the ownership rule changes for it.
//!
//! The tree is read, not built: no configuration leaves anything out. See Documentation/PCI/irq-vector-census.rst.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{bail, Result};
use serde::Serialize;

mod graph;
mod index;
mod kbuild;
mod paths;
mod read;
pub mod report;
mod syntax;
#[cfg(test)]
mod tests;
mod verdict;

pub use verdict::{Change, Class, Line, Verdict};

/// One file that allocates, and all drivers for which it does so.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The file.
    pub file: String,
    /// The worst of its verdicts, or the verdict of a person who read the file.
    pub class: Class,
    /// The effects of the rule on it.
    pub changes: BTreeSet<Change>,
    /// The recommended action.
    pub todo: &'static str,
    /// What a person who read the file found, if the walk could not decide.
    pub read: Option<&'static str>,
    /// One verdict for each driver, the worst first.
    pub verdicts: Vec<Verdict>,
}

impl Entry {
    /// The verdict that decides the class.
    pub fn worst(&self) -> &Verdict {
        &self.verdicts[0]
    }

    /// Returns whether the kernel reports the driver, unless a person has read it and found otherwise.
    pub fn fails(&self) -> bool {
        self.class.reported() && self.read.is_none()
    }

    /// The modules of all its drivers, without their folders.
    pub fn modules(&self) -> BTreeSet<&str> {
        let all = self.verdicts.iter().flat_map(|v| &v.modules);
        all.map(|m| m.rsplit('/').next().unwrap_or(m)).collect()
    }
}

/// The result for a tree.
#[derive(Clone, Debug, Serialize)]
pub struct Census {
    /// The version of the tree.
    pub linux: String,
    /// The files, by path.
    pub entries: Vec<Entry>,
    /// How many files were read, and how many headers were too large.
    pub read: (usize, usize),
}

/// Reads `tree` and judges every driver in it. Passes what it is doing to `progress`.
pub fn take(tree: &Path, version: &str, progress: &(dyn Fn(&str) + Sync)) -> Result<Census> {
    if !tree.join("drivers/pci").is_dir() {
        bail!("{} has no drivers/pci", tree.display());
    }
    let index = index::Index::read(tree, &|at, of| progress(&format!("{at} of {of} files")))?;
    let mut program = graph::Program::new(&index);
    program.spread(&|file| progress(&format!("who reaches what: {file}")));
    let mut files: BTreeMap<String, Vec<Verdict>> = BTreeMap::new();
    for driver in program.drivers() {
        progress(&format!("the ways through {}", program.path(driver)));
        for verdict in verdict::judge(&mut program, driver) {
            files.entry(verdict.file.clone()).or_default().push(verdict);
        }
    }
    for verdict in unreached(&program, &files) {
        files.insert(verdict.file.clone(), vec![verdict]);
    }
    let entries = files.into_iter().map(|(file, verdicts)| entry(file, verdicts, version));
    Ok(Census { linux: version.to_string(), entries: entries.collect(), read: (index.read, index.skipped) })
}

fn entry(file: String, mut verdicts: Vec<Verdict>, version: &str) -> Entry {
    verdicts.sort_by_key(|v| std::cmp::Reverse(v.class));
    let mut entry = Entry {
        class: verdicts[0].class,
        changes: verdicts.iter().flat_map(|v| v.changes.clone()).collect(),
        todo: "",
        read: None,
        file,
        verdicts,
    };
    let open = entry.class.reported() || entry.class == Class::Undecided || entry.changes.contains(&Change::AllocatesWhileLive);
    let reading = read::READ.iter().find(|r| r.file == entry.file);
    if let Some(reading) = reading.filter(|_| open && version == read::VERSION) {
        entry.class = reading.class;
        entry.read = Some(reading.why);
        entry.changes.retain(|c| *c == Change::IgnoresResult);
        if reading.class.reported() {
            entry.changes.insert(Change::LeaksSometimes);
        }
    }
    entry.todo = todo(&entry);
    entry
}

fn todo(entry: &Entry) -> &'static str {
    let worst = entry.worst();
    let calls = |name: &str| worst.allocate.iter().any(|l| l.what.starts_with(name));
    let managed = worst.handlers.iter().any(|l| l.what.starts_with("devm_"));
    match (entry.class, worst.kind) {
        (Class::Never, _) => "add the frees, after each free_irq()",
        (Class::WrongOrder, _) if entry.changes.contains(&Change::FreesAnothers) => {
            "pci_free_irq_vectors() for pci_*, pcim_free_irq_vectors() for pcim_*"
        }
        (Class::Implicit, _) if calls("pci_enable_msix") => {
            "convert by hand: a table of MSI-X entries, pcim_alloc_irq_vectors() has none"
        }
        (Class::Implicit, Some("mid-life")) => {
            "convert to pcim_alloc_irq_vectors(), the frees while bound to pcim_free_irq_vectors()"
        }
        (Class::Implicit, _) => "convert to pcim_alloc_irq_vectors()",
        (Class::SomePaths, _) if managed => "convert to pcim_alloc_irq_vectors() and drop the frees; or add those that lack",
        (Class::SomePaths, _) => "add the frees that lack; or convert to pcim_alloc_irq_vectors() and drop all",
        (Class::WrongOrder, _) => "convert to pcim_alloc_irq_vectors() and drop the frees; or free the handlers before",
        (Class::Undecided, _) => "read it",
        (Class::Explicit | Class::Managed | Class::IntxOnly, _) => "nothing",
    }
}

/// Returns the files that allocate and for which no driver was found.
fn unreached(program: &graph::Program<'_>, files: &BTreeMap<String, Vec<Verdict>>) -> Vec<Verdict> {
    let mut found: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    for id in program.ids() {
        let Some(body) = &program.symbol(id).body else {
            continue;
        };
        let path = program.path(id);
        if files.contains_key(path) || !path.ends_with(".c") {
            continue;
        }
        let mut all = Vec::new();
        graph::calls(body, &mut all);
        for call in all.iter().filter(|c| !c.member) {
            if graph::ALLOCATE.contains(&&*call.name) {
                found.entry(path).or_default().push(Line { file: path.into(), line: call.line, what: call.name.to_string() });
            }
        }
    }
    found.into_iter().map(|(file, allocate)| Verdict::unreached(file, program.index.modules_of(file).to_vec(), allocate)).collect()
}

impl Census {
    /// Returns the number of files of each class, and of each kind of implicit ones.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::from([("files".to_string(), self.entries.len())]);
        for entry in &self.entries {
            *counts.entry(entry.class.name().to_string()).or_default() += 1;
            if let (Class::Implicit, Some(kind)) = (entry.class, entry.worst().kind) {
                *counts.entry(format!("implicit/{kind}")).or_default() += 1;
            }
        }
        counts
    }

    /// Returns the files that a person has read although the walk decides them.
    pub fn needless_readings(&self) -> Vec<&'static str> {
        let needed = |file: &str| self.entries.iter().any(|e| e.file == file && e.read.is_some());
        let files = read::READ.iter().map(|reading| reading.file);
        files.filter(|file| !needed(file)).collect()
    }
}
