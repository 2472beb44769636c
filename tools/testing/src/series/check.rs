// SPDX-License-Identifier: GPL-2.0

//! The proof that the series can go in patch by patch: each is built, booted and taken back.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use super::{Step, DRIVERS};
use crate::{
    checks::tree::ARM64_ONLY,
    common::{
        command::{command, output, run},
        layout::Layout,
        ui::Ui,
    },
    guest::run::{GuestSpec, Run, DEFAULT},
    kernel::{
        initramfs,
        prepare::{Prepared, Ready},
        spec::{Built, Kernel, KernelSpec, EVERYTHING},
    },
    verdict::row::Row,
};

/// What a step boots with: drivers that are converted, and that bind again only if their vectors were freed.
const GUEST: GuestSpec = GuestSpec {
    name: "series",
    script: "series",
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

/// Applies the steps one after the other to a copy of the tree, with a build and a boot after each, and reverts them.
pub fn walk(
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
    let objects = KernelSpec {
        base: EVERYTHING,
        out: layout.build.join("series/drivers"),
        ..KernelSpec::new(layout, "series-drivers", tree.clone(), &["tree", "no-rust"])
    };
    let mut rows = Vec::new();
    let mut booted = None;
    for (at, (step, patch)) in steps.iter().zip(patches).enumerate() {
        let started = Instant::now();
        let name = format!("series::{:04}::{}", at + 1, step.subject.replace(' ', "_"));
        let mut done = || {
            apply(layout, &tree, patch, &[])?;
            compile(ui, layout, prepared, &objects, at + 1, step)?;
            boot(ui, layout, prepared, &tree, at + 1, &[], &mut booted)
        };
        rows.push(row(name, done()).took(started.elapsed()));
    }
    let number = steps.len() + 1;
    let name = format!("series::{number:04}::with_CONFIG_PCI_DEVRES_RUST");
    let done = boot(ui, layout, prepared, &tree, number, &["ours"], &mut booted);
    rows.push(row(name, done));
    let alone = || -> Result<String> {
        let drivers = steps
            .iter()
            .zip(patches)
            .filter(|(step, _)| step.place == DRIVERS);
        let mut count = 0;
        for (_, patch) in drivers {
            apply(layout, &tree, patch, &["--reverse", "--dry-run"])?;
            count += 1;
        }
        Ok(format!("{count} patches, each with all others in place"))
    };
    rows.push(row("series::drivers_one_by_one".into(), alone()));
    for patch in patches.iter().rev() {
        apply(layout, &tree, patch, &["--reverse"])?;
    }
    rows.push(reverted(layout, &prepared.pristine.tree, &tree, steps)?);
    Ok(rows)
}

/// What is to be said of a step, or what failed.
fn row(name: String, done: Result<String>) -> Row {
    match done {
        Ok(note) => {
            let mut row = Row::passed(name);
            row.values.insert("note".into(), note.into());
            row
        }
        Err(error) => Row::failed(name, format!("{error:#}")),
    }
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

/// Compiles the drivers of a step where all modules are configured.
fn compile(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    spec: &KernelSpec,
    number: usize,
    step: &Step,
) -> Result<()> {
    let of_arm64 = |file: &&String| ARM64_ONLY.contains(&file.as_str());
    let sources = step
        .files
        .iter()
        .filter(|file| file.ends_with(".c") && !of_arm64(file));
    let objects: Vec<_> = sources.map(|file| file.replace(".c", ".o")).collect();
    if step.place > DRIVERS || objects.is_empty() {
        return Ok(());
    }
    spec.configure(ui, layout, &prepared.tools)?;
    let title = format!("series-{number:04} drivers");
    ui.stage(&title, "compiling", |stage| {
        let objects: Vec<_> = objects.iter().map(String::as_str).collect();
        spec.make(
            stage,
            layout,
            &prepared.tools,
            &objects,
            &format!("{number:04}"),
        )?;
        Ok(((), format!("{} objects", objects.len())))
    })
}

/// An image with its modules: what they are, and when they were made.
type Image = Vec<(PathBuf, SystemTime)>;

fn image(kernel: &Built) -> Result<Image> {
    let mut files = kernel.modules()?;
    files.push(kernel.image.clone());
    let made = |file: PathBuf| -> Result<_> {
        let time = fs::metadata(&file)?.modified()?;
        Ok((file, time))
    };
    files.into_iter().map(made).collect()
}

/// Builds a step, and boots what that made: drivers bind, work, are unbound and bound again.
fn boot(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    tree: &Path,
    number: usize,
    more: &[&str],
    booted: &mut Option<(usize, Image)>,
) -> Result<String> {
    let fragments = [&["guest", "hardware"], more].concat();
    let name = format!("series-{number:04}");
    let spec = KernelSpec {
        out: layout.build.join("series/kernel"),
        ..KernelSpec::new(layout, &name, tree.to_path_buf(), &fragments)
    };
    spec.configure(ui, layout, &prepared.tools)?;
    let kernel = spec.build(ui, layout, &prepared.tools)?;
    let made = image(&kernel)?;
    if let Some((of, _)) = booted.as_ref().filter(|(_, earlier)| *earlier == made) {
        return Ok(format!("the kernel of step {of}"));
    }
    let initramfs = initramfs::pack(layout, &kernel)?;
    let kind = if more.is_empty() {
        Kernel::Stock
    } else {
        Kernel::Ours
    };
    let ran = Run::new(&GUEST, kind).run(ui, layout, &Ready { kernel, initramfs })?;
    if let Some(bad) = ran.rows.iter().find(|row| !row.ok) {
        anyhow::bail!("{}: {}", bad.name, bad.message);
    }
    *booted = Some((number, made));
    Ok("booted".into())
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
