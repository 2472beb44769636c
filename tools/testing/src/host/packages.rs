// SPDX-License-Identifier: GPL-2.0

//! The Debian packages a command needs, each with its reason, and their installation.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::common::{command, output, run, Failure, Layout, Stage, Ui};

/// One package, a file that shows its presence on other systems than Debian, and the reason why it
/// is needed.
pub struct Package {
    /// Its name in Debian 12 and 13.
    pub name: &'static str,
    /// A program or header it brings.
    pub brings: &'static str,
    /// Why it is needed.
    pub why: &'static str,
}

const fn package(name: &'static str, brings: &'static str, why: &'static str) -> Package {
    Package { name, brings, why }
}

/// The packages for building and booting a kernel.
pub const KERNEL: &[Package] = &[
    package("clang-19", "clang-19", "compiles the kernel's C"),
    package("llvm-19", "llvm-objcopy-19", "ar, nm, objcopy for LLVM=-19"),
    package("lld-19", "ld.lld-19", "links the kernel"),
    package(
        "libclang-19-dev",
        "/usr/lib/llvm-19/lib/libclang.so",
        "lets bindgen read the kernel's headers",
    ),
    package("gcc", "gcc", "builds the kernel's host tools"),
    package(
        "libc6-dev",
        "/usr/include/stdlib.h",
        "headers of the host tools",
    ),
    package("make", "make", "runs Kbuild"),
    package("flex", "flex", "generates the Kconfig lexer"),
    package("bison", "bison", "generates the Kconfig parser"),
    package("bc", "bc", "computes the kernel's time constants"),
    package(
        "libelf-dev",
        "/usr/include/libelf.h",
        "objtool reads objects with it",
    ),
    package(
        "libssl-dev",
        "/usr/include/openssl/ssl.h",
        "the kernel's certificate tools",
    ),
    package("cpio", "cpio", "packs the kernel's headers and initramfs"),
    package("kmod", "depmod", "lists the modules' dependencies"),
    package("rsync", "rsync", "copies the source tree"),
    package("xz-utils", "xz", "unpacks the source"),
    package("patch", "patch", "scripts/graft edits the tree with it"),
    package(
        "coccinelle",
        "spatch",
        "scripts/graft converts drivers with it",
    ),
    package("python3", "python3", "runs the kernel's KTAP parser"),
    package("busybox-static", "busybox", "is the guest's userland"),
    package(
        "qemu-system-x86",
        "qemu-system-x86_64",
        "is the machine the kernel boots on",
    ),
];

/// The additional packages of the tests.
pub const TESTS: &[Package] = &[
    package(
        "shellcheck",
        "shellcheck",
        "checks the project's shell scripts",
    ),
    package(
        "libpython3-dev",
        "python3-config",
        "runs the reports of the semantic patch",
    ),
    package("iproute2", "vdpa", "makes vDPA devices in a guest"),
];

/// The additional packages for the check of the series.
pub const SERIES: &[Package] = &[
    package("sparse", "sparse", "checks the kernel's C"),
    package(
        "ocaml-nox",
        "ocamlopt",
        "compiles parts of the kernel's semantic patches",
    ),
    package(
        "libpython3-dev",
        "python3-config",
        "runs the reports of semantic patches",
    ),
];

/// The additional packages for machines of other architectures.
pub const PLATFORMS: &[Package] = &[package(
    "qemu-system-arm",
    "qemu-system-aarch64",
    "is the machine that kernels for arm64 boot on",
)];

/// The additional packages for building the documentation.
pub const DOCS: &[Package] = &[package(
    "python3-sphinx",
    "sphinx-build",
    "builds the documentation's pages",
)];

/// The additional packages for reports for a browser.
pub const REPORTS: &[Package] = &[package(
    "python3-docutils",
    "rst2html",
    "makes HTML of the report",
)];

/// The additional packages for Kconfig's menus.
pub const MENUS: &[Package] = &[
    package(
        "libncurses-dev",
        "/usr/include/ncurses.h",
        "draws Kconfig's menus",
    ),
    package("pkgconf", "pkg-config", "finds it"),
];

/// Returns whether this system manages packages as Debian does.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && which::which("dpkg-query").is_ok()
}

/// Returns the packages of `wanted` that are not installed.
pub fn missing(layout: &Layout, wanted: &[&'static Package]) -> Vec<&'static Package> {
    if !is_debian() {
        return wanted
            .iter()
            .copied()
            .filter(|p| !found(p.brings))
            .collect();
    }
    let mut query = command(layout, "dpkg-query");
    query.args(["-W", "-f", "${Package} ${Status}\n"]);
    query.args(wanted.iter().map(|p| p.name));
    // The command fails if a package is unknown, and still lists the others.
    let listed = query
        .stderr(std::process::Stdio::null())
        .output()
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    wanted
        .iter()
        .copied()
        .filter(|p| {
            let installed = format!("{} install ok installed", p.name);
            !listed.lines().any(|line| line == installed)
        })
        .collect()
}

/// Returns whether a program, or a file given by its full path, exists.
pub fn found(brings: &str) -> bool {
    if brings.starts_with('/') {
        return Path::new(brings).exists();
    }
    program(brings).is_some()
}

/// Finds a program, also if only root has it in the path.
pub fn program(name: &str) -> Option<PathBuf> {
    let also = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
    let also = also.iter().map(|folder| Path::new(folder).join(name));
    let in_path = which::which(name).ok();
    in_path.or_else(|| also.into_iter().find(|path| path.exists()))
}

/// Installs the missing packages of `wanted`, after printing which and why.
pub fn install(ui: &Ui, layout: &Layout, wanted: &[&'static Package]) -> Result<()> {
    let lacking = missing(layout, wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|p| p.name).collect();
    if !is_debian() {
        let programs: Vec<_> = lacking.iter().map(|p| p.brings).collect();
        return Err(
            Failure::new(format!("not found here: {}", programs.join(", ")))
                .remedy("install them with your system's package manager; only Debian's is known to this runner")
                .into(),
        );
    }
    ui.say(format_args!(
        "Missing Debian packages, to be installed with apt-get{}:",
        if is_root(layout) { "" } else { " through sudo" }
    ));
    for package in &lacking {
        ui.say(format_args!("         {:18} {}", package.name, package.why));
    }
    if !is_root(layout) {
        become_root(ui, layout, &names)?;
    }
    ui.stage("packages", "installing Debian packages", |stage| {
        apt_install(stage, layout, &names)?;
        Ok(((), format!("installed {}", names.join(" "))))
    })
}

fn is_root(layout: &Layout) -> bool {
    output(command(layout, "id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Makes sudo ask for its password now, before any spinner, and only if somebody can type it.
fn become_root(ui: &Ui, layout: &Layout, names: &[&str]) -> Result<()> {
    let mut sudo = command(layout, "sudo");
    if ui.interactive() {
        sudo.arg("-v").stdin(std::process::Stdio::inherit());
    } else {
        sudo.args(["-n", "true"]);
    }
    if sudo.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(
        Failure::new("installing packages needs root, and sudo does not give it")
            .remedy(format!(
                "as root, run: apt-get install --no-install-recommends {}",
                names.join(" ")
            ))
            .into(),
    )
}

fn apt_install(stage: &Stage<'_>, layout: &Layout, names: &[&str]) -> Result<()> {
    let log = layout.log("packages");
    let known = |layout| {
        let mut show = command(layout, "apt-cache");
        output(
            show.arg("--quiet=0")
                .arg("show")
                .arg("--no-all-versions")
                .args(names),
        )
        .is_some()
    };
    if !known(layout) {
        update(stage, layout)?;
    }
    let install = || {
        let mut apt = apt(layout);
        apt.args(["install", "-y", "--no-install-recommends"])
            .args(names);
        apt
    };
    if run(stage, &mut install(), &log).is_ok() {
        return Ok(());
    }
    // An old package list names files that have gone from the archive since.
    update(stage, layout)?;
    run(stage, &mut install(), &log).map_err(|error| {
        Failure::from_error(error)
            .remedy("check the network and /etc/apt/sources.list, then run the same command again")
            .into()
    })
}

/// Fetches the lists of packages as the system's own configuration says.
pub fn update(stage: &Stage<'_>, layout: &Layout) -> Result<()> {
    run(stage, apt(layout).arg("update"), &layout.log("apt-update"))
}

fn apt(layout: &Layout) -> Command {
    let mut apt = if is_root(layout) {
        command(layout, "apt-get")
    } else {
        let mut sudo = command(layout, "sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args([
        "-o",
        "Acquire::Retries=3",
        "-o",
        "Dpkg::Use-Pty=0",
        "-o",
        "DPkg::Lock::Timeout=120",
    ]);
    apt
}
