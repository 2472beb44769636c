// SPDX-License-Identifier: GPL-2.0

//! What every command works with: the paths of the clone, of its build folder and of the cache outside of it, and the terminal.

use std::{env, ffi::OsStr, io::IsTerminal};

use indicatif::MultiProgress;

use crate::common::*;

/// The template of a driver outside the kernel's tree, as [`Session::module`] takes it.
pub const TEMPLATE: &str = "samples/rust/out-of-tree";

/// One run of the program: the folders of a clone, and the terminal on which the stages of the work are shown.
#[derive(Clone, Debug)]
pub struct Session {
    pub root: PathBuf,
    /// The folder for everything that a command makes. git ignores it, and it can be removed at any time.
    pub build: PathBuf,
    /// Downloads and tools shared by all clones. They only save time, and can be removed, too.
    pub cache: PathBuf,
    /// The kernel source that the user has named, in place of Debian's.
    pub users_tree: Option<PathBuf>,
    pub started: Instant,
    /// Spinners on a terminal; elsewhere progress is plain lines.
    pub(super) spinners: Option<MultiProgress>,
}

impl Session {
    /// Returns the clone this runner was built in, with the source tree that `LINUX=` names.
    pub fn new(linux: Option<&OsStr>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let root = root.expect("the runner lies two folders below the clone").to_path_buf();
        let asked = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        let base = asked.or_else(home).unwrap_or_else(|| root.join("build/cache"));
        let spinners = (std::io::stderr().is_terminal() && env::var_os("CI").is_none()).then(MultiProgress::new);
        let (build, cache) = (root.join("build"), base.join("pci-devres-rust"));
        let session = Self { root, build, cache, users_tree: None, started: Instant::now(), spinners };
        Self { users_tree: linux.and_then(|tree| session.named(tree)), ..session }
    }

    /// The grafted copy of the kernel source.
    pub fn linux(&self) -> PathBuf {
        self.build.join("linux")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.build.join("logs").join(format!("{name}.log"))
    }

    /// This package: guest scripts and configuration fragments.
    pub fn testing(&self) -> PathBuf {
        self.root.join("tools/testing")
    }

    /// A folder of modules outside the kernel's tree: one of `tools/testing/modules`, or one anywhere, whose path has a slash and
    /// begins at the clone.
    pub fn module(&self, name: &str) -> PathBuf {
        let folder = if name.contains('/') { "" } else { "tools/testing/modules" };
        self.root.join(folder).join(name)
    }

    /// The copies of such folders in which their modules are built for `kernel`.
    pub fn modules(&self, kernel: &str) -> PathBuf {
        self.build.join("modules").join(kernel)
    }

    /// The copy of such a folder in which its modules are built for `kernel`.
    pub fn module_copy(&self, kernel: &str, name: &str) -> PathBuf {
        self.modules(kernel).join(name.trim_matches('/').replace('/', "-"))
    }

    pub fn fragment(&self, name: &str) -> PathBuf {
        self.testing().join(format!("configs/{name}.config"))
    }

    /// Returns a path that was passed to `make`, which passes an empty one for none. It is relative to the clone, whatever folder a
    /// command runs in.
    pub fn named(&self, path: &OsStr) -> Option<PathBuf> {
        (!path.is_empty()).then(|| self.root.join(path))
    }

    /// Returns `path` relative to the clone, for messages.
    pub fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
