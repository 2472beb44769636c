// SPDX-License-Identifier: GPL-2.0

//! The stock kernel, which is kept outside the clone once it is built: a fetched tree, a configuration and a toolchain give the
//! same kernel each time.
//!
//! The output of Kbuild contains the path of its folder, so a clone finds only kernels that were built at its own path. Nothing
//! depends on the cache: if anything goes wrong with it, the kernel is built.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
};

use crate::{common::*, kernel::*};

/// The folder in which the output of one kernel is kept.
pub struct Cached {
    place: PathBuf,
    out: PathBuf,
}

impl Cached {
    /// Returns the folder for `spec`, or `None` for a tree of the user, which may change at any time.
    pub fn of(prepared: &Prepared, spec: &KernelSpec) -> Option<Self> {
        if !spec.source.starts_with(&prepared.cache) {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        (&spec.source, &prepared.pristine.version, &spec.out).hash(&mut hasher);
        (&prepared.tools.identity, spec.asked().ok()?.text()).hash(&mut hasher);
        let place = prepared.cache.join("kernels");
        Some(Self { place: place.join(format!("{}-{:016x}", spec.name, hasher.finish())), out: spec.out.clone() })
    }

    /// Fetches the kernel, if nothing has been built yet.
    pub fn restore(&self, session: &Session) {
        if self.out.join(".config").exists() || !self.place.is_dir() {
            return;
        }
        session.say("       build/stock is copied from ~/.cache/pci-devres-rust/kernels");
        if !copy(session, &self.place, &self.out) {
            // A partial copy cannot be built in.
            let _ = fs::remove_dir_all(&self.out);
        }
    }

    /// Keeps the kernel that was built, in place of an earlier one of its name.
    pub fn keep(&self, session: &Session) {
        let Some((folder, name)) = self.place.parent().zip(self.place.file_name()) else { return };
        if self.place.is_dir() {
            return;
        }
        let name = name.to_string_lossy();
        let kernel = |name: &str| name.rsplit_once('-').map(|(kernel, _)| kernel.to_string());
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if kernel(&entry.file_name().to_string_lossy()) == kernel(&name) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let fresh = folder.join(format!(".{name}.{}", std::process::id()));
        if !(copy(session, &self.out, &fresh) && fs::rename(&fresh, &self.place).is_ok()) {
            let _ = fs::remove_dir_all(&fresh);
        }
    }
}

fn copy(session: &Session, from: &Path, to: &Path) -> bool {
    let mut copy = rsync(session, from, to);
    copy.args(["--exclude=/guest", "--exclude=/guest.cpio"]);
    output(&mut copy).is_some()
}
