// SPDX-License-Identifier: GPL-2.0

//! Prepares a kernel that can boot. A step that is up to date does nothing.

use std::{fs::File, ops::Deref, sync::Arc};

use fs4::{FileExt, TryLockError};

use crate::{common::*, host::*, kernel::*};

/// A session with the tools and the source, after missing parts were fetched.
#[derive(Clone)]
pub struct Prepared {
    pub session: Session,
    pub tools: Toolchain,
    /// The tree that was copied and grafted.
    pub pristine: Pristine,
    /// Whether [`ungrafted`] has made its copy.
    is_copied: Arc<Mutex<bool>>,
    /// The lock is held as long as this clone's build folder is in use.
    _lock: Arc<File>,
}

impl Deref for Prepared {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Prepared {
    pub fn make(&self, source: &Path, out: &Path) -> Command {
        let library = &self.tools.rust_lib_src;
        let mut make = cmd!(self, "make --no-print-directory -C {source} O={out} LLVM={LLVM} RUST_LIB_SRC={library}");
        make.env("LIBCLANG_PATH", format!("/usr/lib/llvm{LLVM}/lib"));
        make
    }
}

#[derive(Clone)]
pub struct Ready {
    pub kernel: Built,
    /// The guest's file system, with the kernel's modules.
    pub initramfs: PathBuf,
}

/// Installs missing packages, and makes `build/linux` the grafted copy of the source.
pub fn source(session: &Session, more: &'static [Package]) -> Result<Prepared> {
    let lock = lock(session)?;
    packages::install(session, packages::set("kernel"))?;
    packages::install(session, more)?;
    let tools = toolchain::prepare(session)?;
    let pristine = source::pristine(session)?;
    source::copy(session, &pristine)?;
    graft(session, &session.root)?;
    Ok(Prepared { session: session.clone(), tools, pristine, is_copied: Arc::default(), _lock: lock.into() })
}

/// Builds a kernel, and the modules with these names in `tools/testing/modules` for it.
pub fn kernel(prepared: &Prepared, which: Kernel, modules: &BTreeSet<&str>) -> Result<Ready> {
    build(prepared, &KernelSpec::named(prepared, which.spec())?, which, modules)
}

/// Gives a kernel the rule that patches of 2026 proposed. It differs in one file, for which make looks into the output folder before it
/// looks into the source tree.
fn propose(session: &Session, spec: &KernelSpec) -> Result<()> {
    const FILE: &str = "drivers/pci/msi/msi.c";
    let (file, fresh, place) = (spec.source.join(FILE), spec.out.join(".proposed"), spec.out.join(FILE));
    let patch = session.testing().join("kernels/earlier-2026.patch");
    succeed(&mut cmd!(session, "patch -o {fresh} -i {patch} {file}"), "making the kernel of 2026")?;
    if fs::read(&fresh)? != fs::read(&place).unwrap_or_default() {
        fs::rename(&fresh, &place)?;
    }
    Ok(())
}

/// Builds a kernel, modules of those names for it, and its file system. It has the place of `which` in the results.
pub fn build(prepared: &Prepared, spec: &KernelSpec, which: Kernel, modules: &BTreeSet<&str>) -> Result<Ready> {
    spec.configure(prepared)?;
    if which == Kernel::Earlier {
        propose(prepared, spec)?;
    }
    let mut kernel = spec.build(prepared)?;
    kernel.add_modules(prepared, modules)?;
    let initramfs =
        prepared.stage(&format!("initramfs{}", which.suffix()), "packing busybox, modules and guest scripts", |_| {
            let path = initramfs::pack(prepared, &kernel)?;
            let size = fs::metadata(&path)?.len() >> 10;
            Ok((format!("{}, {size} KiB", prepared.show(&path)), path))
        })?;
    Ok(Ready { kernel, initramfs })
}

/// Returns the pristine tree if it can be built with its output elsewhere, and otherwise a clean copy, which is made once.
pub fn ungrafted(prepared: &Prepared) -> Result<PathBuf> {
    let tree = &prepared.pristine.tree;
    let is_grafted = tree.join(".pci_devres_rust").exists();
    if !is_grafted && !source::is_built_in(tree) {
        return Ok(tree.clone());
    }
    let copy = prepared.build.join("pristine");
    // Another thread may ask for it at the same time.
    let mut is_made = prepared.is_copied.lock().expect("no holder panics");
    if *is_made {
        return Ok(copy);
    }
    prepared.stage("ungrafted", "making a clean copy of LINUX to compare with", |stage| {
        let log = prepared.log("ungrafted");
        run(stage, &mut rsync(prepared, tree, &copy, &["--delete", "--exclude=/.git"]), &log)?;
        if is_grafted {
            let graft = prepared.root.join("scripts/graft");
            run(stage, &mut cmd!(prepared, "{graft} --undo {copy}"), &log)?;
        }
        succeed(&mut cmd!(prepared, "make -C {copy} mrproper"), "cleaning the copy")?;
        Ok((prepared.show(&copy), ()))
    })?;
    *is_made = true;
    Ok(copy)
}

/// Grafts `overlay`, which is the clone or a copy of it, into `build/linux`.
pub fn graft(session: &Session, overlay: &Path) -> Result<()> {
    session.stage("graft", "putting the overlay into build/linux", |stage| {
        let log = session.log("graft");
        let mut graft = command(session, overlay.join("scripts/graft"));
        graft.arg(session.linux());
        run(stage, &mut graft, &log)
            .map_err(|e| Failure::from_error(e).or_remedy("if build/linux was edited by hand: make clean, then again"))?;
        let said = fs::read_to_string(&log)?;
        // The line that says what was done begins with the folder, which is known here.
        let done = said.lines().find_map(|line| line.split_once("): ")).map_or("done", |(_, done)| done.trim());
        Ok((done.to_string(), ()))
    })
}

/// Two commands at the same time would write the same files.
fn lock(session: &Session) -> Result<File> {
    fs::create_dir_all(&session.build)?;
    let file = File::create(session.build.join(".lock")).context("creating build/.lock")?;
    match FileExt::try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            session.say("build/ is in use by another command of this clone; waiting for it");
            FileExt::lock(&file)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).context("locking build/.lock"),
    }
    Ok(file)
}
