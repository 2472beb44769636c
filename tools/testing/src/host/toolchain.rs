// SPDX-License-Identifier: GPL-2.0

//! The Rust part of the toolchain: rustc, the source of its library, bindgen, and the LLVM that they are used with.

use crate::{common::*, host::*};

/// The versions that Linux 7.3 needs, for the case that no tree is at hand.
const RUSTC_MIN: &str = "1.85.0";
const BINDGEN_MIN: &str = "0.71.1";

/// The suffix of the LLVM programs, as Kbuild's `LLVM=` takes it.
pub const LLVM: &str = "-19";

/// What a kernel `make` has to know of the tools.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub rust_lib_src: PathBuf,
    /// Versions, to notice when one changed.
    pub identity: String,
}

/// Finds the toolchain and fetches the missing parts.
pub fn prepare(session: &Session) -> Result<Toolchain> {
    let rustc = version(session, "rustc")
        .ok_or_else(|| Failure::new("no working rustc").remedy("install Rust 1.85 or later with rustup, or Debian 13's rustc"))?;
    let old = || Failure::new(format!("rustc is {rustc}; Linux 7.3 needs {RUSTC_MIN}")).remedy("rustup update stable");
    ensure!(!older(&rustc, RUSTC_MIN), old());
    let rust_lib_src = match rust_src(session, &rustc) {
        Some(path) => path,
        None => fetch_rust_src(session, &rustc)?,
    };
    let bindgen = match version(session, "bindgen") {
        Some(version) if !older(&version, BINDGEN_MIN) => version,
        _ => install_bindgen(session)?,
    };
    Ok(Toolchain { identity: format!("rustc {rustc} bindgen {bindgen} llvm {LLVM}"), rust_lib_src })
}

/// Returns the oldest version of a tool that `tree` accepts, according to the kernel's own script.
pub fn minimum(session: &Session, tree: Option<&Path>, tool: &str) -> String {
    let known = if tool == "bindgen" { BINDGEN_MIN } else { RUSTC_MIN };
    let said = tree.and_then(|tree| {
        let mut script = command(session, tree.join("scripts/min-tool-version.sh"));
        output(script.env("SRCARCH", "x86").arg(tool))
    });
    said.map_or(known.into(), |version| version.trim().into())
}

/// Returns the version of the `rustc` or `bindgen` that Kbuild will find.
pub fn version(session: &Session, tool: &str) -> Option<String> {
    output(command(session, tool).arg("--version"))?.split_whitespace().nth(1).map(str::to_string)
}

/// Returns the library source of this rustc, from its own installation or from an earlier download.
pub fn rust_src(session: &Session, rustc: &str) -> Option<PathBuf> {
    let sysroot = output(command(session, "rustc").args(["--print", "sysroot"]))?;
    let own = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    [own, session.cache.join("rust-src").join(rustc).join("library")].into_iter().find(|path| path.join("core/src/lib.rs").exists())
}

/// Returns what a program of LLVM says about a file.
pub fn llvm(session: &Session, name: &str, arguments: &[&str], file: &Path) -> Result<String> {
    let mut tool = command(session, format!("llvm-{name}{LLVM}"));
    output(tool.args(arguments).arg(file)).with_context(|| format!("llvm-{name} cannot read {}", file.display()))
}

pub fn older(a: &str, b: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        version.split(|c: char| !c.is_ascii_digit()).take(3).map(|n| n.parse().unwrap_or(0)).collect()
    };
    numbers(a) < numbers(b)
}

fn fetch_rust_src(session: &Session, rustc: &str) -> Result<PathBuf> {
    session.say("The source of Rust's library is missing; the kernel compiles `core` from it.");
    session.stage("rust-src", "fetching the source of Rust's library", |stage| {
        if let Some(path) = by_rustup(stage, rustc) {
            return Ok((format!("{rustc}, by rustup"), path));
        }
        let (path, version) = by_debian(stage, rustc)?;
        Ok((format!("{rustc}, from Debian's rust-src {version}"), path))
    })
}

fn by_rustup(stage: &Stage<'_>, rustc: &str) -> Option<PathBuf> {
    let session = stage.session;
    which::which("rustup").ok()?;
    let mut rustup = cmd!(session, "rustup component add rust-src");
    // Behind a proxy or without a network this must not block the next steps.
    run_limited(stage, &mut rustup, &session.log("rustup"), Duration::from_secs(60)).ok()?;
    rust_src(session, rustc)
}

fn by_debian(stage: &Stage<'_>, rustc: &str) -> Result<(PathBuf, String)> {
    let archive = Archive::open(stage, None)?;
    let versions = archive.versions("rust-src");
    let version = versions.iter().find(|version| version.starts_with(&format!("{rustc}+"))).cloned();
    let version = version.ok_or_else(|| {
        let near = versions.iter().filter_map(|v| v.split('+').next()).collect::<Vec<_>>().join(", ");
        let what = format!("rustup could not add rust-src, and Debian has none for rustc {rustc}");
        Failure::new(what).remedy(format!("rustup component add rust-src, or use a toolchain Debian has the source of: {near}"))
    })?;
    let home = stage.session.cache.join("rust-src");
    let fresh = archive.unpack(stage, "rust-src", &version, &home)?;
    let library = fresh.path().join(format!("usr/src/rustc-{rustc}/library"));
    let place = home.join(rustc).join("library");
    fs::create_dir_all(home.join(rustc))?;
    fs::rename(&library, &place).with_context(|| format!("rust-src {version} has no {}", library.display()))?;
    Ok((place, version))
}

fn install_bindgen(session: &Session) -> Result<String> {
    session.say(format_args!("bindgen {BINDGEN_MIN} or later is missing; it makes Rust declarations of the kernel's C headers."));
    session.stage("bindgen", "building bindgen-cli with cargo", |stage| {
        let log = session.log("bindgen");
        let root = session.cache.join("cargo");
        let mut cargo = cmd!(session, "cargo install --locked bindgen-cli --root {root}");
        cargo.env("CARGO_TARGET_DIR", session.build.join("bindgen"));
        run(stage, &mut cargo, &log)
            .map_err(|e| Failure::from_error(e).remedy("check the network, or install Debian 13's bindgen"))?;
        let version = version(session, "bindgen").ok_or_else(|| Failure::new("bindgen was built and does not run").log(&log))?;
        Ok((format!("bindgen {version}"), version))
    })
}

#[cfg(test)]
mod tests {
    use super::older;

    #[test]
    fn versions_compare_by_number() {
        assert!(older("1.9.0", "1.85.0"));
        assert!(!older("1.85.0", "1.85.0"));
        assert!(!older("1.95.0-nightly", "1.85.0"));
        assert!(older("0.69.5", "0.71.1"));
    }
}
