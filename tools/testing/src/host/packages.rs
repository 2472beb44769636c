// SPDX-License-Identifier: GPL-2.0

//! The Debian packages a command needs, each with its reason, and their installation.

use crate::common::*;

/// One package, a file that shows its presence on other systems than Debian, and the reason why it is needed.
pub struct Package {
    /// In Debian 12 and 13.
    pub name: &'static str,
    /// A program or header it brings.
    pub brings: &'static str,
    /// Why it is needed.
    pub why: &'static str,
}

macro_rules! packages {
    ($(#[$about:meta] $set:ident: $($name:literal $brings:literal $why:literal)+)+) => {
        $(#[$about] pub const $set: &[Package] = &[$(Package {
            name: $name,
            brings: $brings,
            why: $why,
        }),+];)+
    };
}

packages! {
    /// The packages for building and booting a kernel.
    KERNEL:
        "clang-19"        "clang-19"                         "compiles the kernel's C"
        "llvm-19"         "llvm-objcopy-19"                  "ar, nm, objcopy for LLVM=-19"
        "lld-19"          "ld.lld-19"                        "links the kernel"
        "libclang-19-dev" "/usr/lib/llvm-19/lib/libclang.so" "lets bindgen read the kernel's headers"
        "gcc"             "gcc"                              "builds the kernel's host tools"
        "libc6-dev"       "/usr/include/stdlib.h"            "headers of the host tools"
        "make"            "make"                             "runs Kbuild"
        "flex"            "flex"                             "generates the Kconfig lexer"
        "bison"           "bison"                            "generates the Kconfig parser"
        "bc"              "bc"                               "computes the kernel's time constants"
        "libelf-dev"      "/usr/include/libelf.h"            "objtool reads objects with it"
        "libssl-dev"      "/usr/include/openssl/ssl.h"       "the kernel's certificate tools"
        "cpio"            "cpio"                             "packs the kernel's headers and initramfs"
        "kmod"            "depmod"                           "lists the modules' dependencies"
        "rsync"           "rsync"                            "copies the source tree"
        "xz-utils"        "xz"                               "unpacks the source"
        "patch"           "patch"                            "scripts/graft edits the tree with it"
        "coccinelle"      "spatch"                           "scripts/graft converts drivers with it"
        "python3"         "python3"                          "runs the kernel's KTAP parser"
        "busybox-static"  "busybox"                          "is the guest's userland"
        "qemu-system-x86" "qemu-system-x86_64"               "is the machine the kernel boots on"

    /// The additional packages of the tests.
    TESTS:
        "shellcheck"     "shellcheck"     "checks the project's shell scripts"
        "libpython3-dev" "python3-config" "runs the reports of the semantic patch"
        "iproute2"       "vdpa"           "makes vDPA devices in a guest"

    /// The additional packages for the check of the series.
    SERIES:
        "sparse"         "sparse"         "checks the kernel's C"
        "ocaml-nox"      "ocamlopt"       "compiles parts of the kernel's semantic patches"
        "libpython3-dev" "python3-config" "runs the reports of semantic patches"

    /// The additional packages for machines of other architectures.
    PLATFORMS:
        "qemu-system-arm"  "qemu-system-aarch64"           "is the machine that kernels for arm64 boot on"
        "qemu-system-misc" "qemu-system-riscv64"           "is the machine that kernels for riscv64 boot on"
        "opensbi"          "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin" "is its firmware"
        "libdw-dev"        "/usr/include/dwarf.h"          "reads the types that versions of symbols follow from"

    /// The additional packages for building the documentation.
    DOCS:
        "python3-sphinx" "sphinx-build" "builds the documentation's pages"

    /// The additional packages for reports for a browser.
    REPORTS:
        "python3-docutils" "rst2html" "makes HTML of the report"

    /// The additional packages for Kconfig's menus.
    MENUS:
        "libncurses-dev" "/usr/include/ncurses.h" "draws Kconfig's menus"
        "pkgconf"        "pkg-config"             "finds it"
}

/// Returns whether this system manages packages as Debian does.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && which::which("dpkg-query").is_ok()
}

/// Returns the packages of `wanted` that are not installed.
pub fn missing(session: &Session, wanted: &[&'static Package]) -> Vec<&'static Package> {
    let versions = is_debian().then(|| versions(session, wanted));
    let lacks = |package: &&Package| match &versions {
        Some(versions) => !versions.contains_key(package.name),
        None if package.brings.starts_with('/') => !Path::new(package.brings).exists(),
        None => program(package.brings).is_none(),
    };
    wanted.iter().copied().filter(lacks).collect()
}

/// Returns the versions of those of the packages that are installed, as Debian writes them.
pub fn versions(session: &Session, wanted: &[&Package]) -> BTreeMap<String, String> {
    let mut query = command(session, "dpkg-query");
    query.args(["-W", "-f", "${Package} ${Version} ${Status}\n"]);
    query.args(wanted.iter().map(|p| p.name));
    // The command fails if a package is unknown, and still lists the others.
    let listed = query.output().map(|found| found.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    let installed = listed.lines().filter_map(|line| {
        let (name, version) = line.strip_suffix(" install ok installed")?.split_once(' ')?;
        Some((name.into(), version.into()))
    });
    installed.collect()
}

/// Finds a program, also if only root has it in the path.
pub fn program(name: &str) -> Option<PathBuf> {
    let also = ["/usr/local/sbin", "/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).join(name));
    which::which(name).ok().or_else(|| also.into_iter().find(|path| path.exists()))
}

/// Installs the missing packages of `wanted`, after printing which and why.
pub fn install(session: &Session, wanted: &[&'static Package]) -> Result<()> {
    let lacking = missing(session, wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|p| p.name).collect();
    if !is_debian() {
        let programs: Vec<_> = lacking.iter().map(|p| p.brings).collect();
        let what = format!("not found here: {}", programs.join(", "));
        bail!(Failure::new(what).remedy("install them with your system's package manager; only Debian's is known to this runner"));
    }
    let sudo = if is_root(session) { "" } else { " through sudo" };
    session.say(format_args!("Missing Debian packages, to be installed with apt-get{sudo}:"));
    for package in &lacking {
        session.say(format_args!("         {:18} {}", package.name, package.why));
    }
    if !is_root(session) {
        become_root(session, &names)?;
    }
    session.stage("packages", "installing Debian packages", |stage| {
        apt_install(stage, &names)?;
        Ok(((), format!("installed {}", names.join(" "))))
    })
}

fn is_root(session: &Session) -> bool {
    output(command(session, "id").arg("-u")).is_some_and(|id| id.trim() == "0")
}

/// Makes sudo ask for its password now, before any spinner, and only if somebody can type it.
fn become_root(session: &Session, names: &[&str]) -> Result<()> {
    let mut sudo = command(session, "sudo");
    if session.interactive() {
        sudo.arg("-v").stdin(std::process::Stdio::inherit());
    } else {
        sudo.args(["-n", "true"]);
    }
    if sudo.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let names = names.join(" ");
    let what = "installing packages needs root, and sudo does not give it";
    bail!(Failure::new(what).remedy(format!("as root, run: apt-get install --no-install-recommends {names}")));
}

fn apt_install(stage: &Stage<'_>, names: &[&str]) -> Result<()> {
    let session = stage.session;
    let log = session.log("packages");
    let mut show = command(session, "apt-cache");
    show.args(["--quiet=0", "show", "--no-all-versions"]);
    if output(show.args(names)).is_none() {
        update(stage)?;
    }
    let mut install = apt(session);
    install.args(["install", "-y", "--no-install-recommends"]);
    install.args(names);
    if run(stage, &mut install, &log).is_ok() {
        return Ok(());
    }
    // An old package list names files that have gone from the archive since.
    update(stage)?;
    run(stage, &mut install, &log).map_err(|error| {
        Failure::from_error(error).remedy("check the network and /etc/apt/sources.list, then run the same command again").into()
    })
}

/// Fetches the lists of packages as the system's own configuration says.
pub fn update(stage: &Stage<'_>) -> Result<()> {
    run(stage, apt(stage.session).arg("update"), &stage.session.log("apt-update"))
}

fn apt(session: &Session) -> Command {
    let mut apt = if is_root(session) {
        command(session, "apt-get")
    } else {
        let mut sudo = command(session, "sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    for option in "Acquire::Retries=3 Dpkg::Use-Pty=0 DPkg::Lock::Timeout=120".split(' ') {
        apt.args(["-o", option]);
    }
    apt
}
