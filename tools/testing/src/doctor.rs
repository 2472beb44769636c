// SPDX-License-Identifier: GPL-2.0

//! `make doctor`: what is there, what is missing, and what hides Rust in a configuration. Changes nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::Result;
use comfy_table::{presets::NOTHING, Table};
use console::style;

use crate::{
    command::command,
    failure::Failure,
    kconfig::{hides_rust, Config},
    layout::Layout,
    packages::{self, Package},
    source,
    toolchain::{self, LLVM},
};

/// One line of the table.
struct Finding {
    name: String,
    found: String,
    needed: String,
    why: &'static str,
    state: State,
    remedy: String,
}

#[derive(PartialEq)]
enum State {
    Ok,
    Missing,
    /// Not there, and fetched or built when it is needed.
    Later,
}

/// Prints the tables; whether nothing needed is missing.
pub fn doctor(layout: &Layout, config: Option<&Path>, linux: Option<&Path>) -> Result<bool> {
    let tree = linux.map(Path::to_path_buf).or_else(|| any_tree(layout));
    let mut findings = rust(layout, tree.as_deref());
    findings.extend(tools(layout, packages::KERNEL, true));
    findings.extend(tools(layout, packages::TESTS, false));
    findings.push(kernel_source(layout, linux));
    println!("{}", table(&findings));
    let missing: Vec<_> = findings
        .iter()
        .filter(|f| f.state == State::Missing)
        .collect();
    let mut good = missing.is_empty();
    if good {
        println!("\nEverything that is needed is there.");
    } else {
        println!(
            "\n{} missing. make boot and make test install what apt-get, cargo or rustup can install.",
            missing.len()
        );
    }
    let default = layout.kernel().join(".config");
    match (config, tree) {
        (None, _) if !default.exists() => {}
        (config, Some(tree)) => good &= configuration(layout, config.unwrap_or(&default), &tree)?,
        (Some(_), None) => {
            println!("\nNo kernel source to read the conditions of CONFIG_RUST from: give LINUX=, or run make boot first.");
            good = false;
        }
        (None, None) => {}
    }
    Ok(good)
}

fn rust(layout: &Layout, tree: Option<&Path>) -> Vec<Finding> {
    let version =
        |name: &str, found: Option<String>, needed: String, why, missing: State, remedy: &str| {
            let enough = found
                .as_ref()
                .is_some_and(|f| !toolchain::older(f, &needed));
            Finding {
                name: name.into(),
                found: found.unwrap_or_else(|| "-".into()),
                needed: format!(">= {needed}"),
                why,
                state: if enough { State::Ok } else { missing },
                remedy: if enough { String::new() } else { remedy.into() },
            }
        };
    let rustc = toolchain::rustc_version(layout);
    let mut findings = vec![
        version(
            "rustc",
            rustc.clone(),
            toolchain::minimum(layout, tree, "rustc"),
            "compiles the kernel's Rust",
            State::Missing,
            "rustup update stable",
        ),
        version(
            "bindgen",
            toolchain::bindgen_version(layout),
            toolchain::minimum(layout, tree, "bindgen"),
            "makes Rust declarations of C headers",
            State::Later,
            "make boot builds it with cargo",
        ),
    ];
    let library = rustc
        .as_ref()
        .and_then(|rustc| toolchain::rust_src(layout, rustc));
    findings.push(Finding {
        name: "rust-src".into(),
        found: library.as_ref().map_or("-".into(), |path| shown(path)),
        needed: rustc.unwrap_or_else(|| "that of rustc".into()),
        why: "the kernel compiles `core` from it",
        state: if library.is_some() {
            State::Ok
        } else {
            State::Later
        },
        remedy: match library {
            Some(_) => String::new(),
            None => "make boot fetches it; or: rustup component add rust-src".into(),
        },
    });
    findings
}

fn tools(layout: &Layout, wanted: &'static [Package], needed: bool) -> Vec<Finding> {
    let all: Vec<_> = wanted.iter().collect();
    let missing = packages::missing(layout, &all);
    let versions = versions(layout, wanted);
    let finding = |package: &'static Package| {
        let lacking = missing.iter().any(|m| m.name == package.name);
        let found = match versions.get(package.name) {
            _ if lacking => "-",
            Some(version) => version,
            None => "present",
        };
        Finding {
            name: package.name.into(),
            found: found.into(),
            needed: "present".into(),
            why: package.why,
            state: match (lacking, needed) {
                (false, _) => State::Ok,
                (true, true) => State::Missing,
                (true, false) => State::Later,
            },
            remedy: if lacking {
                format!("apt-get install {}", package.name)
            } else {
                String::new()
            },
        }
    };
    wanted.iter().map(finding).collect()
}

fn versions(layout: &Layout, wanted: &[Package]) -> BTreeMap<String, String> {
    let mut query = command(layout, "dpkg-query");
    query
        .args(["-W", "-f", "${Package} ${Version}\n"])
        .args(wanted.iter().map(|p| p.name));
    let listed = query.stderr(Stdio::null()).output();
    let text = listed
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, version)| (name.to_string(), version.to_string()))
        .collect()
}

fn kernel_source(layout: &Layout, linux: Option<&Path>) -> Finding {
    let tree = linux
        .map(Path::to_path_buf)
        .or_else(|| source::cached(layout).map(|p| p.tree));
    let version = tree.as_ref().and_then(|tree| source::version(tree).ok());
    let (state, remedy) = match (&version, linux) {
        (Some(version), _) if source::is_ours(version) => (State::Ok, ""),
        (_, Some(_)) => (
            State::Missing,
            "LINUX= takes the top folder of a Linux 7.3 source tree",
        ),
        _ => (
            State::Later,
            "make boot fetches Debian's linux-source-7.3; or LINUX=/path/to/linux",
        ),
    };
    Finding {
        name: "Linux source".into(),
        found: version.unwrap_or_else(|| "-".into()),
        needed: "7.3".into(),
        why: "is what the overlay is put into",
        state,
        remedy: remedy.into(),
    }
}

fn table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(["", "tool", "found", "needed", "for", "remedy"]);
    for finding in findings {
        let state = match finding.state {
            State::Ok => style("ok").green(),
            State::Missing => style("missing").red().bold(),
            State::Later => style("later").yellow(),
        };
        table.add_row([
            state.to_string(),
            finding.name.clone(),
            finding.found.clone(),
            finding.needed.clone(),
            finding.why.into(),
            finding.remedy.clone(),
        ]);
    }
    trimmed(&table)
}

/// A table without the blanks that fill up its last column.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_string())
        .collect();
    lines.join("\n")
}

/// A path short enough for a table.
fn shown(path: &Path) -> String {
    match std::env::var_os("HOME") {
        Some(home) => path.strip_prefix(home).map_or_else(
            |_| path.display().to_string(),
            |rest| format!("~/{}", rest.display()),
        ),
        None => path.display().to_string(),
    }
}

/// Says whether Rust can be had in a configuration and if not, which symbol hides it.
fn configuration(layout: &Layout, path: &Path, tree: &Path) -> Result<bool> {
    let config = Config::read(path)
        .map_err(|e| Failure::from_error(e).remedy("CONFIG= takes the path of a .config"))?;
    println!(
        "\n{} (conditions of CONFIG_RUST from {}/init/Kconfig)",
        layout.show(path),
        layout.show(tree)
    );
    if config.on("RUST") {
        let ours = config.get("PCI_DEVRES_RUST");
        println!("  CONFIG_RUST=y, CONFIG_PCI_DEVRES_RUST={ours}");
        if !config.on("PCI_MSI") {
            println!("  CONFIG_PCI_DEVRES_RUST needs CONFIG_PCI_MSI: Device Drivers, PCI support, Message Signaled Interrupts.");
        }
        return Ok(true);
    }
    let hidden = hides_rust(&config, tree)?;
    if hidden.is_empty() {
        println!("  CONFIG_RUST is not set, and nothing hides it: switch it on under General setup, Rust support.");
        return Ok(true);
    }
    println!("  CONFIG_RUST cannot be set, because these conditions do not hold:");
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table.set_header(["condition", "here", "remedy"]);
    for hidden in &hidden {
        table.add_row([&hidden.condition, &hidden.because, &hidden.remedy]);
    }
    println!("{}", trimmed(&table));
    if !config.on("RUST_IS_AVAILABLE") {
        println!(
            "  The kernel's own check of this machine says: {}",
            rust_is_available(layout, tree)
        );
    }
    Ok(false)
}

/// What the kernel's `rustavailable` finds, asked in a way that leaves no files.
fn rust_is_available(layout: &Layout, tree: &Path) -> String {
    let mut check = command(layout, tree.join("scripts/rust_is_available.sh"));
    check.current_dir(tree);
    check.env("CC", format!("clang{LLVM}"));
    check
        .env("RUSTC", "rustc")
        .env("BINDGEN", "bindgen")
        .env("SRCARCH", "x86")
        .env("ARCH", "x86");
    check.env("LIBCLANG_PATH", format!("/usr/lib/llvm{LLVM}/lib"));
    let rustc = toolchain::rustc_version(layout).unwrap_or_default();
    if let Some(library) = toolchain::rust_src(layout, &rustc) {
        check.env("RUST_LIB_SRC", library);
    }
    match check.output() {
        Ok(found) if found.status.success() => {
            format!("Rust is available here with LLVM={LLVM}, so configure again: make LLVM={LLVM} olddefconfig")
        }
        Ok(found) => {
            let said = String::from_utf8_lossy(&found.stderr).into_owned();
            let lines = said.lines().filter(|l| l.starts_with("***") && l.len() > 4);
            lines
                .map(|l| l.trim_start_matches("***").trim())
                .collect::<Vec<_>>()
                .join(" ")
        }
        Err(error) => error.to_string(),
    }
}

fn any_tree(layout: &Layout) -> Option<PathBuf> {
    let copy = layout.linux();
    if copy.join("init/Kconfig").exists() {
        return Some(copy);
    }
    source::cached(layout).map(|pristine| pristine.tree)
}
