// SPDX-License-Identifier: GPL-2.0

//! Proves that the series can be merged patch by patch: each is built and booted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use super::{pieces::File, Step};
use crate::{
    checks::tree::ARM64_ONLY,
    common::{
        command::{command, run},
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

/// The drivers with which a step boots. They are converted, and bind again only if their vectors were freed.
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

/// Builds and boots the tree after each step, unless that very tree passed before.
pub fn walk(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    steps: &[Step],
    files: &[File],
) -> Result<Vec<Row>> {
    let tree = layout.build.join("series/linux");
    if !tree.exists() {
        ui.stage("series tree", "copying the kernel's source", |stage| {
            let mut rsync = command(layout, "rsync");
            rsync.arg("-a");
            rsync.arg(format!("{}/", prepared.pristine.tree.display()));
            run(stage, rsync.arg(&tree), &layout.log("series-copy"))?;
            Ok(((), layout.show(&tree)))
        })?;
    }
    let objects = KernelSpec {
        base: EVERYTHING,
        out: layout.build.join("series/drivers"),
        ..KernelSpec::new(layout, "series-drivers", tree.clone(), &["tree", "no-rust"])
    };
    let record = layout.build.join("series/passed.json");
    let text = fs::read_to_string(&record).unwrap_or_default();
    let mut passed: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
    let mut rows = Vec::new();
    let mut booted = None;
    for (at, step) in steps.iter().enumerate() {
        let started = Instant::now();
        let name = format!("series::{:04}::{}", at + 1, step.subject.replace(' ', "_"));
        let of = format!("{} {}", prepared.pristine.version, step.tree);
        if let Some(note) = passed.get(&of) {
            rows.push(row(name, Ok(format!("{note}, earlier"))));
            continue;
        }
        let mut done = || {
            if place(&tree, files, at + 1)? {
                // A tree with other symbols is configured anew.
                let _ = fs::remove_file(layout.build.join("series/kernel/.inputs"));
            }
            let ours = fs::read_to_string(layout.fragment("ours"))?;
            fs::write(fragment(layout), asked(&ours, files, at + 1))?;
            compile(ui, layout, prepared, &objects, at + 1, step)?;
            boot(ui, layout, prepared, &tree, at + 1, &mut booted)
        };
        let done = done();
        if let Ok(note) = &done {
            passed.insert(of, note.clone());
            fs::write(&record, serde_json::to_string_pretty(&passed)?)?;
        }
        rows.push(row(name, done).took(started.elapsed()));
    }
    Ok(rows)
}

/// Gives `tree` the state after a step, and returns whether symbols changed. Only files whose text changes are written, so
/// that `make` builds no others.
fn place(tree: &Path, files: &[File], step: usize) -> Result<bool> {
    let mut symbols = false;
    for file in files {
        let path = tree.join(&file.path);
        let text = file.after(step);
        if text == fs::read_to_string(&path).ok() {
            continue;
        }
        symbols |= file.path.contains("Kconfig");
        match text {
            Some(text) => {
                fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
                fs::write(&path, text)?;
            }
            None => fs::remove_file(&path)?,
        }
    }
    Ok(symbols)
}

/// Returns the lines of a configuration whose symbols exist after a step.
fn asked(config: &str, files: &[File], step: usize) -> String {
    let kconfig = files.iter().filter(|file| file.path.contains("Kconfig"));
    let kconfig: String = kconfig.filter_map(|file| file.after(step)).collect();
    let has = |line: &&str| {
        let symbol = line
            .strip_prefix("CONFIG_")
            .and_then(|l| l.split('=').next());
        symbol.is_some_and(|symbol| kconfig.contains(&format!("config {symbol}\n")))
    };
    let lines = config.lines().filter(has);
    lines.map(|line| format!("{line}\n")).collect()
}

/// What is asked for of our symbols, which are those that the step has.
fn fragment(layout: &Layout) -> PathBuf {
    layout.build.join("series/step.config")
}

/// The remark on a step, or its failure.
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
    if step.part == "core" || objects.is_empty() {
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
    booted: &mut Option<(usize, Image)>,
) -> Result<String> {
    let name = format!("series-{number:04}");
    let mut spec = KernelSpec {
        out: layout.build.join("series/kernel"),
        ..KernelSpec::new(layout, &name, tree.to_path_buf(), &["guest", "hardware"])
    };
    spec.fragments.push(fragment(layout));
    let has_rule = spec.asked()?.text().contains("CONFIG_PCI_DEVRES_RUST=y");
    spec.configure(ui, layout, &prepared.tools)?;
    let kernel = spec.build(ui, layout, &prepared.tools)?;
    let made = image(&kernel)?;
    if let Some((of, _)) = booted.as_ref().filter(|(_, earlier)| *earlier == made) {
        return Ok(format!("the kernel of step {of}"));
    }
    let initramfs = initramfs::pack(layout, &kernel)?;
    let kind = if has_rule {
        Kernel::Ours
    } else {
        Kernel::Stock
    };
    let ran = Run::new(&GUEST, kind).run(ui, layout, &Ready { kernel, initramfs })?;
    if let Some(bad) = ran.rows.iter().find(|row| !row.ok) {
        anyhow::bail!("{}: {}", bad.name, bad.message);
    }
    *booted = Some((number, made));
    Ok("booted".into())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{pieces::assign, table::Step},
        *,
    };

    #[test]
    fn a_step_is_placed_by_what_changes() {
        let takes = |path: &str| Step {
            take: vec![path.into()],
            ..Step::default()
        };
        let mut files = [
            File::new("a/Kconfig", None, "config NEW\n"),
            File::new("b", Some("old\n"), "new\n"),
        ];
        assign(&mut files, &[takes("b"), takes("a/Kconfig")], &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &str| fs::read_to_string(folder.path().join(path)).ok();
        assert!(place(folder.path(), &files, 2).unwrap());
        assert_eq!(text("a/Kconfig").as_deref(), Some("config NEW\n"));
        assert!(!place(folder.path(), &files, 2).unwrap());
        assert!(place(folder.path(), &files, 1).unwrap());
        assert_eq!(
            (text("a/Kconfig"), text("b").as_deref()),
            (None, Some("new\n"))
        );

        let config = "# NEW\nCONFIG_NEW=y\nCONFIG_NEWER=y\n";
        assert_eq!(asked(config, &files, 1), "");
        assert_eq!(asked(config, &files, 2), "CONFIG_NEW=y\n");
    }
}
