// SPDX-License-Identifier: GPL-2.0

//! Checks that the template has a project file which an editor can follow.

use serde_json::Value;

use crate::{common::*, kernel::*, verdict::Row};

/// The name of the row about rust-analyzer.
pub const ANALYZER: &str = "host::template::rust_analyzer";

/// Makes the kernel's own target write `rust-project.json` into the folder of a driver. Returns the file and its number of crates.
pub fn describe(prepared: &Prepared, kernel: &KernelSpec, folder: &Path) -> Result<(PathBuf, Value)> {
    let log = prepared.log("rust-analyzer");
    prepared.stage("rust-analyzer", "describing the driver to editors", |stage| {
        let mut make = prepared.make(&kernel.source, &kernel.out);
        make.arg(format!("M={}", folder.display()));
        run(stage, make.arg("rust-analyzer"), &log)?;
        let file = folder.join("rust-project.json");
        let project: Value = serde_json::from_slice(&fs::read(&file)?).with_context(|| format!("reading {}", file.display()))?;
        Ok((format!("{}, {} crates", prepared.show(&file), project["crates"].as_array().map_or(0, Vec::len)), (file, project)))
    })
}

/// Describes the template, and follows it from the driver to `kernel::pci`.
pub fn analyzer(prepared: &Prepared, kernel: &Built) -> Result<Vec<Row>> {
    let started = Instant::now();
    let copy = prepared.module_copy(&kernel.spec.name, TEMPLATE);
    let (file, project) = describe(prepared, &kernel.spec, &copy)?;
    let complaint = follow(&project, &copy).err().map(|why| format!("{}: {why}", prepared.show(&file)));
    Ok(vec![Row::of(ANALYZER, complaint.unwrap_or_default()).took(started.elapsed())])
}

fn follow(project: &Value, copy: &Path) -> Result<()> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    // A path in the file is relative to its folder.
    let root = |c: &Value| copy.join(text(&c["root_module"]));
    let crates = list(&project["crates"]);
    if let Some(c) = crates.iter().find(|c| !root(c).is_file()) {
        bail!("crate {} has no {}", text(&c["display_name"]), text(&c["root_module"]));
    }
    let driver = crates.iter().find(|c| root(c).starts_with(copy)).context("the driver is not in it")?;
    let option = "CONFIG_PCI_DEVRES_RUST";
    ensure!(
        list(&driver["cfg"]).iter().any(|cfg| cfg == option),
        "{} is not configured with {option}",
        text(&driver["display_name"])
    );
    let kernel = list(&driver["deps"]).into_iter().find(|d| d["name"] == "kernel");
    let kernel = kernel.and_then(|d| crates.get(d["crate"].as_u64()? as usize));
    let kernel = kernel.context("the driver does not depend on the crate kernel")?;
    // The module that the driver uses is part of that crate.
    let vectors = Path::new(&text(&kernel["root_module"])).with_file_name("pci").join("vectors.rs");
    let is_ours = kernel["display_name"] == "kernel" && vectors.is_file();
    ensure!(is_ours, "{} is not the grafted crate", text(&kernel["root_module"]));
    Ok(())
}
