// SPDX-License-Identifier: GPL-2.0

//! Prepares a kernel that can boot. A step that is up to date does nothing.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context, Result};
use fs4::{FileExt, TryLockError};

use crate::{
    common::{command, run, Failure, Layout, Ui},
    host::{packages, source, toolchain, Package, Pristine, Toolchain},
    kernel::{cache::Cached, earlier, initramfs, ungrafted, Built, Kernel, KernelSpec},
};

/// The tools and the source, after missing parts were fetched.
pub struct Prepared {
    /// The settings of a kernel `make`.
    pub tools: Toolchain,
    /// The tree that was copied and grafted.
    pub pristine: Pristine,
    /// The tree without the overlay, once somebody has asked for it; see [`ungrafted`].
    pub ungrafted: Mutex<Option<PathBuf>>,
    /// The lock is held as long as this clone's build folder is in use.
    _lock: File,
}

/// A kernel that can boot.
#[derive(Clone)]
pub struct Ready {
    pub kernel: Built,
    /// The guest's file system, with the kernel's modules.
    pub initramfs: PathBuf,
}

/// Installs missing packages, and makes `build/linux` the grafted copy of the source.
pub fn source(ui: &Ui, layout: &Layout, linux: Option<&Path>, more: &'static [Package]) -> Result<Prepared> {
    let lock = lock(ui, layout)?;
    let wanted: Vec<_> = packages::KERNEL.iter().chain(more).collect();
    packages::install(ui, layout, &wanted)?;
    let tools = toolchain::prepare(ui, layout)?;
    let pristine = source::pristine(ui, layout, linux)?;
    source::copy(ui, layout, &pristine)?;
    graft(ui, layout, &layout.root)?;
    Ok(Prepared { tools, pristine, ungrafted: Mutex::default(), _lock: lock })
}

/// Builds a kernel, and the modules with these names in `tools/testing/modules` for it.
pub fn kernel(ui: &Ui, layout: &Layout, prepared: &Prepared, which: Kernel, modules: &BTreeSet<&str>) -> Result<Ready> {
    let spec = match which {
        Kernel::Ours => KernelSpec::ours(layout),
        Kernel::Stock => {
            let kernel = stock(ui, layout, prepared)?;
            return packed(ui, layout, prepared, which, kernel, modules);
        }
        Kernel::Debug => KernelSpec::debug(layout),
        Kernel::DebugStock => KernelSpec::debug_stock(layout, ungrafted(ui, layout, prepared)?),
        Kernel::Off => KernelSpec::off(layout),
        Kernel::Earlier => earlier::spec(ui, layout, prepared)?,
    };
    spec.configure(ui, layout, &prepared.tools)?;
    let kernel = spec.build(ui, layout, &prepared.tools)?;
    packed(ui, layout, prepared, which, kernel, modules)
}

/// Builds the stock kernel. The first time, that begins with what was kept of an earlier build, if there is one.
pub fn stock(ui: &Ui, layout: &Layout, prepared: &Prepared) -> Result<Built> {
    let spec = KernelSpec::stock(layout, ungrafted(ui, layout, prepared)?);
    let cached = Cached::of(layout, prepared, &spec);
    if let Some(cached) = &cached {
        cached.restore(ui, layout);
    }
    spec.configure(ui, layout, &prepared.tools)?;
    let built = spec.build(ui, layout, &prepared.tools)?;
    if let Some(cached) = &cached {
        cached.keep(layout);
    }
    Ok(built)
}

/// Builds a kernel that is none of [`Kernel`], but takes the place of one in the results.
pub fn other(ui: &Ui, layout: &Layout, prepared: &Prepared, spec: &KernelSpec, which: Kernel) -> Result<Ready> {
    spec.configure(ui, layout, &prepared.tools)?;
    let kernel = spec.build(ui, layout, &prepared.tools)?;
    packed(ui, layout, prepared, which, kernel, &BTreeSet::new())
}

/// Makes a kernel's file system, with modules of those names for it.
fn packed(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    which: Kernel,
    mut kernel: Built,
    modules: &BTreeSet<&str>,
) -> Result<Ready> {
    kernel.add_modules(ui, layout, &prepared.tools, modules)?;
    let initramfs = ui.stage(&format!("initramfs{}", which.suffix()), "packing busybox, modules and guest scripts", |_| {
        let path = initramfs::pack(layout, &kernel)?;
        let size = fs::metadata(&path)?.len() >> 10;
        let summary = format!("{}, {size} KiB", layout.show(&path));
        Ok((path, summary))
    })?;
    Ok(Ready { kernel, initramfs })
}

/// Grafts `overlay`, which is the clone or a copy of it, into `build/linux`.
pub fn graft(ui: &Ui, layout: &Layout, overlay: &Path) -> Result<()> {
    ui.stage("graft", "putting the overlay into build/linux", |stage| {
        let log = layout.log("graft");
        let mut graft = command(layout, overlay.join("scripts/graft"));
        graft.arg(layout.linux());
        run(stage, &mut graft, &log)
            .map_err(|e| Failure::from_error(e).or_remedy("if build/linux was edited by hand: make clean, then again"))?;
        let said = fs::read_to_string(&log)?;
        // The line that says what was done begins with the folder, which is known here.
        let done = said.lines().find_map(|line| line.split_once("): "));
        let summary = done.map_or("done", |(_, done)| done);
        Ok(((), summary.trim().to_string()))
    })
}

/// Two commands at the same time would write the same files.
fn lock(ui: &Ui, layout: &Layout) -> Result<File> {
    fs::create_dir_all(&layout.build)?;
    let file = File::create(layout.build.join(".lock")).context("creating build/.lock")?;
    match FileExt::try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            ui.say("build/ is in use by another command of this clone; waiting for it");
            FileExt::lock(&file)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).context("locking build/.lock"),
    }
    Ok(file)
}
