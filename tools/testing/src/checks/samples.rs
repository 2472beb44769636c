// SPDX-License-Identifier: GPL-2.0

//! Checks the promises of samples and template: no `unsafe`, and a project file that an editor can follow.

use serde::Deserialize;

use crate::{common::*, kernel::*, verdict::Row};

/// The name of the row about rust-analyzer.
pub const ANALYZER: &str = "host::template::rust_analyzer";

/// The beginning of the names of the rows about `unsafe`.
pub const NO_UNSAFE: &str = "host::no-unsafe::";

/// Returns one row for each sample and for the template.
pub fn no_unsafe(session: &Session) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in files(&session.root.join("samples/rust"), &["rs"])? {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let lines = count(&read(&file)?);
        let complaint = || {
            let has = format!("{} has unsafe in the lines {lines:?}", session.show(&file));
            format!("{has}: a sample shows what the API does without it")
        };
        rows.push(Row::judged(format!("{NO_UNSAFE}{name}"), lines.is_empty(), complaint));
    }
    Ok(rows)
}

/// Returns the numbers of the lines that have `unsafe` outside of a comment.
fn count(source: &str) -> Vec<usize> {
    let keyword = regex(r"\bunsafe\b");
    let code = source.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.zip(1..).filter(|(code, _)| keyword.is_match(code)).map(|(_, number)| number).collect()
}

/// The file that rust-analyzer reads.
#[derive(Deserialize)]
pub struct Project {
    crates: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    display_name: String,
    root_module: PathBuf,
    deps: Vec<Dependency>,
    cfg: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "crate")]
    at: usize,
    name: String,
}

/// Makes the kernel's own target write `rust-project.json` into the folder of a driver. Returns the file and its number of crates.
pub fn describe(prepared: &Prepared, kernel: &KernelSpec, folder: &Path) -> Result<(PathBuf, Project)> {
    let log = prepared.log("rust-analyzer");
    let doing = "describing the driver to editors";
    prepared.stage("rust-analyzer", doing, |stage| {
        let mut make = prepared.make(&kernel.source, &kernel.out);
        make.arg(format!("M={}", folder.display()));
        run(stage, make.arg("rust-analyzer"), &log)?;
        let file = folder.join("rust-project.json");
        let project: Project = serde_json::from_slice(&fs::read(&file)?).with_context(|| format!("reading {}", file.display()))?;
        let summary = format!("{}, {} crates", prepared.show(&file), project.crates.len());
        Ok(((file, project), summary))
    })
}

/// Describes the template, and follows it from the driver to `kernel::pci`.
pub fn analyzer(prepared: &Prepared, kernel: &Built) -> Result<Vec<Row>> {
    let started = Instant::now();
    let copy = prepared.module_copy(&kernel.spec.name, TEMPLATE);
    let (file, project) = describe(prepared, &kernel.spec, &copy)?;
    let complaint = follow(&project, &copy).err().map(|why| format!("{}: {why}", prepared.show(&file)));
    let row = Row::of(ANALYZER, complaint.unwrap_or_default());
    Ok(vec![row.took(started.elapsed())])
}

fn follow(project: &Project, copy: &Path) -> Result<(), String> {
    // A path in the file is relative to its folder.
    let root = |c: &Crate| copy.join(&c.root_module);
    if let Some(c) = project.crates.iter().find(|c| !root(c).is_file()) {
        let (name, root) = (&c.display_name, c.root_module.display());
        return Err(format!("crate {name} has no {root}"));
    }
    let driver = project.crates.iter().find(|c| root(c).starts_with(copy));
    let driver = driver.ok_or("the driver is not in it")?;
    let option = "CONFIG_PCI_DEVRES_RUST";
    if !driver.cfg.iter().any(|cfg| cfg == option) {
        let name = &driver.display_name;
        return Err(format!("{name} is not configured with {option}"));
    }
    let kernel = driver.deps.iter().find(|d| d.name == "kernel").and_then(|d| project.crates.get(d.at));
    let kernel = kernel.ok_or("the driver does not depend on the crate kernel")?;
    // The module that the driver uses is part of that crate.
    let vectors = kernel.root_module.with_file_name("pci").join("vectors.rs");
    if kernel.display_name != "kernel" || !vectors.is_file() {
        let root = kernel.root_module.display();
        return Err(format!("{root} is not the grafted crate"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn unsafe_counts_in_code_only() {
        let source = "// unsafe\nfn a() { unsafe { b() } }\n/// not unsafe\nlet unsafely = 1;\nunsafe impl C for D {}\n";
        assert_eq!(count(source), [2, 5]);
    }
}
