// SPDX-License-Identifier: GPL-2.0

//! `make census`: every driver that allocates interrupt vectors, who frees them, and what the ownership rule changes for it.
//!
//! The tree is read, not built: no configuration leaves anything out. See Documentation/PCI/irq-vector-census.rst.

use crate::{common::*, host::source, kernel::*, verdict::Row};
use census::{report, Census, Entry};

/// The beginning of the names of its tests.
pub const PREFIX: &str = "host::census::";

/// The format of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For editors: `path:line: message`.
    Errors,
    /// For the documentation.
    Rst,
}

/// Takes the census of the user's tree or of Debian's. With `check`, returns whether the kernel would report none of its drivers.
pub fn census(session: &Session, format: Format, check: bool) -> Result<bool> {
    let pristine = source::pristine(session)?;
    let census = take(session, &pristine.tree, &pristine.version)?;
    match format {
        Format::Table => print!("{}", report::text(&census, check)),
        Format::Json => println!("{}", serde_json::to_string_pretty(&census)?),
        Format::Errors => print!("{}", report::errors(&census, &pristine.tree, check)),
        Format::Rst => print!("{}", report::rst(&census)),
    }
    Ok(!check || !census.entries.iter().any(Entry::fails))
}

/// Reads `tree` and judges every driver in it.
fn take(session: &Session, tree: &Path, version: &str) -> Result<Census> {
    session.stage("census", "reading the tree", |stage| {
        let census = census::take(tree, version, &|at| stage.progress(at))?;
        Ok((format!("{} files that allocate, of {} read", census.entries.len(), census.read.0), census))
    })
}

/// What a person found in a tree: `tools/testing/census.toml`.
#[derive(Deserialize)]
struct Known {
    version: String,
    counts: BTreeMap<String, usize>,
    classes: BTreeMap<String, String>,
}

/// Compares the census of the pristine tree with what a person found, and the census of the grafted tree with the rule.
pub fn rows(prepared: &Prepared) -> Result<Vec<Row>> {
    let version = &prepared.pristine.version;
    let pristine = ungrafted(prepared)?;
    let started = Instant::now();
    let census = take(prepared, &pristine, version)?;
    let mut rows = vec![Row::passed(format!("{PREFIX}runs")).took(started.elapsed())];
    let known: Known = toml::from_str(include_str!("../../census.toml"))?;
    if *version == known.version {
        for (file, class) in &known.classes {
            let name = format!("{PREFIX}{}", file.replace('/', "::"));
            let found = census.entries.iter().find(|e| e.file == *file);
            let complaint = match found {
                Some(entry) if entry.class.name() == class => String::new(),
                Some(entry) => format!("{file} is {class}, not {}:\n{}", entry.class.name(), report::because(entry)),
                None => format!("{file} was not found"),
            };
            rows.push(Row::of(name, complaint));
        }
        let name = format!("{PREFIX}every_reading_is_needed");
        let unused = census.needless_readings().into_iter().map(|reading| format!("the walk settles {reading}"));
        rows.push(Row::of(name, unused.collect::<Vec<_>>().join("\n")));
        let counts = census.counts();
        for (what, expected) in &known.counts {
            let name = format!("{PREFIX}count::{}", what.replace('/', "::"));
            let found = counts.get(what).copied().unwrap_or(0);
            rows.push(Row::judged(name, found == *expected, || format!("{found} {what}, not {expected}; make census lists them")));
        }
    }
    let census = take(prepared, &prepared.linux(), version)?;
    let list = quote(census.entries.iter().filter(|e| e.fails()).map(|e| format!("{} {}", e.class.name(), e.file)));
    let name = format!("{PREFIX}grafted::no_driver_is_reported");
    rows.push(Row::of(name, list).or_remedy("make census LINUX=build/linux CHECK=1 FORMAT=errors says where"));
    Ok(rows)
}
