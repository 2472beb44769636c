// SPDX-License-Identifier: GPL-2.0

//! `make series`: the overlay as a series of patches that can go in one by one, and `make series CHECK=1`, the proof that they can.
//!
//! A step is a set of whole files: the calls first, which change nothing by themselves; then drivers, one subsystem a step; then the
//! option, off by default, with the Rust behind it; then samples and documentation. Each step can be reverted as long as none after
//! it is needed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    command::{command, output, run},
    guest::{GuestSpec, Run, DEFAULT},
    initramfs,
    kernel::{Kernel, KernelSpec},
    layout::Layout,
    prepare::{self, Prepared, Ready},
    results::{self, Row},
    ui::{elapsed, Ui},
};

/// One patch.
struct Step {
    subject: String,
    why: String,
    diffs: String,
    files: Vec<String>,
}

/// What a step boots with: drivers that are converted, and that bind again only if their vectors were freed.
const GUEST: GuestSpec = GuestSpec {
    name: "series",
    suites: &["series"],
    devices: &[
        "-drive file=disk0,if=none,id=disk0,format=raw",
        "ide-hd,drive=disk0,bus=ide.0",
        "-audiodev none,id=sound",
        "intel-hda",
        "hda-duplex,audiodev=sound",
    ],
    limit: Duration::from_secs(120),
    ..DEFAULT
};

/// Writes the series to `build/series`, and with `check` builds and boots every step of it, and takes it back.
pub fn series(ui: &Ui, layout: &Layout, linux: Option<&Path>, check: bool) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, &[])?;
    let steps = steps(layout, &prepared.pristine.tree)?;
    let folder = layout.build.join("series");
    let _ = fs::remove_dir_all(folder.join("patches"));
    fs::create_dir_all(folder.join("patches"))?;
    let mut patches = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let patch = folder.join("patches").join(step.file(at + 1));
        fs::write(&patch, step.text(at + 1, steps.len()))?;
        let files = match step.files.len() {
            1 => "1 file".to_string(),
            n => format!("{n} files"),
        };
        println!("{:>3}  {:<9} {}", at + 1, files, step.subject);
        patches.push(patch);
    }
    println!(
        "\nseries: {} patches in build/series/patches; each applies with git am or patch -p1",
        steps.len()
    );
    if !check {
        println!(
            "make series CHECK=1 builds and boots every step, and takes them back (half an hour)"
        );
        return Ok(true);
    }
    let rows = walk(ui, layout, &prepared, &steps, &patches)?;
    let failed = results::write(layout, "series", None, started.elapsed(), &rows)?;
    for row in &rows {
        let mark = if row.ok { "ok" } else { "FAILED" };
        println!("{:<6} {}", mark, row.name);
        if !row.ok {
            println!("{}", row.message);
        }
    }
    println!(
        "\nseries: {}. {} passed, {failed} failed, {}",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len() - failed,
        elapsed(started.elapsed())
    );
    Ok(failed == 0)
}

impl Step {
    fn file(&self, number: usize) -> String {
        let words: String = self
            .subject
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let words: Vec<_> = words.split('-').filter(|w| !w.is_empty()).collect();
        format!("{number:04}-{}.patch", words.join("-"))
    }

    /// As `git format-patch` would write it, but for the author, which is whoever sends it.
    fn text(&self, number: usize, of: usize) -> String {
        let mut text = format!(
            "Subject: [PATCH {number}/{of}] {}\n\n{}\n\n---\n",
            self.subject, self.why
        );
        for file in &self.files {
            let _ = writeln!(text, " {file}");
        }
        text + "\n" + &self.diffs
    }
}

/// What `scripts/graft` does to `tree`, sorted into steps.
fn steps(layout: &Layout, tree: &Path) -> Result<Vec<Step>> {
    let mut graft = command(layout, layout.root.join("scripts/graft"));
    let whole = output(graft.arg("--patch").arg(tree)).context("scripts/graft --patch failed")?;
    let mut sorted: BTreeMap<(usize, String), Step> = BTreeMap::new();
    for diff in whole
        .split_inclusive('\n')
        .collect::<Vec<_>>()
        .chunk_by(|_, next| !next.starts_with("diff --git "))
    {
        let Some(file) = diff[0].trim_end().split(" b/").nth(1) else {
            continue;
        };
        let (place, subject, why) = step_of(file);
        let step = sorted
            .entry((place, subject.clone()))
            .or_insert_with(|| Step {
                subject,
                why,
                diffs: String::new(),
                files: Vec::new(),
            });
        step.diffs.extend(diff.iter().copied());
        step.files.push(file.to_string());
    }
    Ok(sorted.into_values().collect())
}

/// Where a file belongs, what its step is called and why it is there.
fn step_of(file: &str) -> (usize, String, String) {
    let core = ["Kconfig", "Makefile", "devres", "msi/", "pci.h"];
    let ours = file
        .strip_prefix("drivers/pci/")
        .is_some_and(|rest| core.iter().any(|c| rest.starts_with(c)));
    let (place, subject, why) = if file.starts_with("include/") {
        (0, "PCI/MSI: Add pcim_alloc_irq_vectors()",
         "Lets a driver say that the device is to free its vectors. Until the option exists, the call does what\n\
          pci_alloc_irq_vectors() does on a managed device, and refuses any other.")
    } else if file.starts_with("rust/") || ours {
        (2, "PCI: Implement managed resources in Rust, with one owner for vectors",
         "Adds CONFIG_PCI_DEVRES_RUST, off by default. With it, who frees vectors is decided by the call that\n\
          allocates them; pcim_enable_device() has no part in it. Without it nothing changes.")
    } else if file.starts_with("samples/") {
        (
            3,
            "samples: rust: PCI drivers with explicit and with managed vectors",
            "One driver for each model, and one for MSI-X.",
        )
    } else if file.starts_with("Documentation/") || file.starts_with("scripts/") {
        (4, "Documentation: PCI: Say who frees interrupt vectors",
         "msi-howto.rst and devres.rst agree with the code, and a guide says how to convert a driver.")
    } else {
        let mut parts: Vec<_> = file.split('/').collect();
        parts.pop();
        let depth = if parts[0] == "drivers" { 1 } else { 0 };
        let name = parts[depth..]
            .iter()
            .take(2)
            .copied()
            .collect::<Vec<_>>()
            .join("/");
        return (1, format!("{name}: Say who frees interrupt vectors"),
            "These drivers relied on pcim_enable_device() to free their vectors, or freed them on some paths only.\n\
             They say now which they mean. Without CONFIG_PCI_DEVRES_RUST they behave as before.".into());
    };
    (place, subject.into(), why.into())
}

/// Applies the steps one after the other to a copy of the tree, with a build and a boot after each, and reverts them.
fn walk(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    steps: &[Step],
    patches: &[PathBuf],
) -> Result<Vec<Row>> {
    let tree = layout.build.join("series/linux");
    ui.stage("series tree", "copying the kernel's source", |stage| {
        let mut rsync = command(layout, "rsync");
        fs::create_dir_all(&tree)?;
        rsync.args(["-a", "--delete", "--checksum"]);
        rsync
            .arg(format!("{}/", prepared.pristine.tree.display()))
            .arg(&tree);
        run(stage, &mut rsync, &layout.log("series-copy"))?;
        Ok(((), layout.show(&tree)))
    })?;
    let mut rows = Vec::new();
    for (at, (step, patch)) in steps.iter().zip(patches).enumerate() {
        apply(layout, &tree, patch, &[])?;
        rows.push(boot(
            ui,
            layout,
            prepared,
            &tree,
            at + 1,
            &step.subject,
            &[],
        ));
    }
    rows.push(boot(
        ui,
        layout,
        prepared,
        &tree,
        steps.len() + 1,
        "with CONFIG_PCI_DEVRES_RUST",
        &["ours"],
    ));
    for patch in patches.iter().rev() {
        apply(layout, &tree, patch, &["--reverse"])?;
    }
    rows.push(reverted(layout, &prepared.pristine.tree, &tree, steps)?);
    Ok(rows)
}

fn apply(layout: &Layout, tree: &Path, patch: &Path, more: &[&str]) -> Result<()> {
    let mut tool = command(layout, "patch");
    tool.args([
        "--strip=1",
        "--fuzz=0",
        "--batch",
        "--silent",
        "--no-backup-if-mismatch",
    ]);
    tool.args(more)
        .arg("--directory")
        .arg(tree)
        .arg("--input")
        .arg(patch);
    output(&mut tool).with_context(|| format!("{} does not apply", layout.show(patch)))?;
    Ok(())
}

/// One step: built, booted, its drivers bound, used, unbound and bound again.
fn boot(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    tree: &Path,
    number: usize,
    subject: &str,
    more: &[&str],
) -> Row {
    let name = format!("series::{number:04}::{}", subject.replace(' ', "_"));
    let spec = KernelSpec {
        name: format!("series-{number:04}"),
        source: tree.to_path_buf(),
        fragments: ["guest", "hardware"]
            .iter()
            .chain(more)
            .map(|f| layout.fragment(f))
            .collect(),
        out: layout.build.join("series/kernel"),
    };
    let started = Instant::now();
    let booted = || -> Result<Vec<Row>> {
        spec.configure(ui, layout, &prepared.tools)?;
        let kernel = spec.build(ui, layout, &prepared.tools)?;
        let initramfs = initramfs::pack(layout, &kernel)?;
        let kind = if more.is_empty() {
            Kernel::Stock
        } else {
            Kernel::Ours
        };
        Ok(Run::new(&GUEST, kind)
            .run(ui, layout, &Ready { kernel, initramfs })?
            .rows)
    };
    let row = match booted() {
        Ok(rows) => match rows.iter().find(|row| !row.ok) {
            None => Row::passed(name),
            Some(bad) => Row::failed(name, format!("{}: {}", bad.name, bad.message)),
        },
        Err(error) => Row::failed(name, format!("{error:#}")),
    };
    row.took(started.elapsed())
}

/// The tree must be what it was.
fn reverted(layout: &Layout, pristine: &Path, tree: &Path, steps: &[Step]) -> Result<Row> {
    let name = "series::reverted";
    let differing: Vec<_> = steps
        .iter()
        .flat_map(|step| &step.files)
        .filter(|file| fs::read(pristine.join(file)).ok() != fs::read(tree.join(file)).ok())
        .map(String::as_str)
        .collect();
    Ok(if differing.is_empty() {
        Row::passed(name)
    } else {
        Row::failed(
            name,
            format!(
                "not as before in {}: {}",
                layout.show(tree),
                differing.join(", ")
            ),
        )
    })
}
