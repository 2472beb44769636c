// SPDX-License-Identifier: GPL-2.0

//! `make doctor`: lists tools that are present or missing, and says how to build one's own kernel with them and what
//! hides Rust in a configuration. It changes nothing.

use comfy_table::{presets::NOTHING, ContentArrangement};

use crate::{common::*, host::*, kernel::*};

struct Finding {
    state: State,
    name: String,
    found: Option<String>,
    needed: String,
    why: &'static str,
    remedy: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Ok,
    Missing,
    /// The tool is missing, and no kernel build needs it. The command that needs it installs it.
    Later,
}

/// Prints the tables. Returns whether everything that is needed is present.
pub fn doctor(session: &Session, config: Option<&Path>) -> Result<bool> {
    let linux = session.users_tree.as_deref();
    let copy = Some(session.linux()).filter(|copy| copy.join("init/Kconfig").exists());
    let tree = linux.map(Path::to_path_buf).or(copy).or_else(|| source::cached(session).map(|pristine| pristine.tree));
    let mut findings = rust(session, tree.as_deref());
    findings.extend(tools(session, packages::set("kernel"), State::Missing));
    findings.extend(tools(session, packages::set("tests"), State::Later));
    findings.push(kernel_source(session, linux));
    print!("{}", table(&findings));
    for finding in findings.iter().filter(|f| f.state != State::Ok) {
        println!("{}: {}", finding.name, finding.remedy);
    }
    let missing = findings.iter().filter(|f| f.state == State::Missing).count();
    match missing {
        0 => println!("\nEverything that make boot needs is there."),
        _ => println!(
            "\n{missing} missing. make boot installs what apt-get, cargo or rustup can install,\nand says what before it does."
        ),
    }
    let mut good = own_build(session, tree.as_deref()) && missing == 0;
    let default = session.build.join("kernel/.config");
    let config = config.or(default.exists().then_some(&default));
    match (config, tree) {
        (Some(config), Some(tree)) => good &= configuration(session, config, &tree)?,
        (Some(_), None) => {
            println!("\nThere is no kernel source to read the conditions of CONFIG_RUST from:");
            println!("name yours with LINUX=, or run make boot first.");
            good = false;
        }
        (None, _) => {}
    }
    Ok(good)
}

fn rust(session: &Session, tree: Option<&Path>) -> Vec<Finding> {
    let finding = |good, name: &str, found, needed, why, remedy: String| Finding {
        state: if good { State::Ok } else { State::Missing },
        name: name.into(),
        found,
        needed,
        why,
        remedy,
    };
    let versioned = |name: &str, why, remedy| {
        let found = toolchain::version(session, name);
        let least = toolchain::minimum(session, tree, name);
        let good = found.as_ref().is_some_and(|found| !toolchain::older(found, &least));
        finding(good, name, found, format!(">= {least}"), why, remedy)
    };
    let cargo = shown(&session.cache.join("cargo"));
    let bindgen = format!("make boot builds it, or: cargo install --locked bindgen-cli --root {cargo}");
    let rustc = toolchain::version(session, "rustc");
    let present = rustc.as_ref().and_then(|rustc| toolchain::rust_src(session, rustc)).map(|_| "present".into());
    let of_rustc = rustc.unwrap_or_else(|| "that of rustc".into());
    let remedy = "make boot fetches it; or: rustup component add rust-src".into();
    vec![
        versioned("rustc", "compiles the kernel's Rust", "rustup update stable".into()),
        versioned("bindgen", "makes Rust declarations of C headers", bindgen),
        finding(present.is_some(), "rust-src", present, of_rustc, "the kernel compiles `core` from it", remedy),
    ]
}

fn tools(session: &Session, wanted: &'static [Package], lacking: State) -> Vec<Finding> {
    let missing = packages::missing(session, wanted);
    let versions = packages::versions(session, wanted);
    let finding = |package: &'static Package| {
        let is_there = missing.iter().all(|m| m.name != package.name);
        let version = versions.get(package.name).map_or("present", |version| upstream(version));
        Finding {
            state: if is_there { State::Ok } else { lacking },
            name: package.name.into(),
            found: is_there.then(|| version.into()),
            needed: String::new(),
            why: package.why,
            remedy: format!("apt-get install {}", package.name),
        }
    };
    wanted.iter().map(finding).collect()
}

/// `1:19.1.7-3~deb12u1` is upstream's 19.1.7.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['-', '+', '~']).next().unwrap_or(version)
}

fn kernel_source(session: &Session, linux: Option<&Path>) -> Finding {
    let found = match linux {
        Some(tree) => source::version(tree).ok(),
        None => source::cached(session).map(|pristine| pristine.version),
    };
    let (state, remedy) = match (&found, linux) {
        (Some(version), _) if source::is_ours(version) => (State::Ok, ""),
        (_, Some(_)) => (State::Missing, "LINUX= takes the top folder of a Linux 7.3 source tree"),
        _ => (State::Later, "make boot fetches Debian's linux-source-7.3; or LINUX=/path/to/linux"),
    };
    let why = "is what the overlay is put into";
    Finding { state, name: "Linux source".into(), found, needed: "7.3".into(), why, remedy: remedy.into() }
}

fn table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["", "tool", "found", "needed", "for"]);
    for Finding { state, name, found, needed, why, .. } in findings {
        let state = match state {
            State::Ok => style("ok").green(),
            State::Missing => style("missing").red().bold(),
            State::Later => style("later").yellow(),
        };
        table.add_row([&state.to_string(), name, found.as_deref().unwrap_or("-"), needed, why]);
    }
    // The last column ends in blanks.
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Returns a path that is short enough for a table.
fn shown(path: &Path) -> String {
    match path.strip_prefix(std::env::var_os("HOME").unwrap_or_default()) {
        Ok(rest) if rest.is_relative() => format!("~/{}", rest.display()),
        _ => path.display().to_string(),
    }
}

/// Returns the lines to type in a shell so that the kernel's own makefiles find the tools: what it has to export, and `make` with
/// each of `targets`.
fn lines(session: &Session, targets: &[&str]) -> Vec<String> {
    let ours = session.cache.join("cargo/bin");
    let lacking = which::which("bindgen").is_err() && ours.join("bindgen").exists();
    let rustc = toolchain::version(session, "rustc").unwrap_or_default();
    let library = toolchain::rust_src(session, &rustc).filter(|path| path.starts_with(&session.cache));
    let mut lines = Vec::new();
    lines.extend(lacking.then(|| format!("export PATH={}:$PATH", shown(&ours).replace('~', "$HOME"))));
    lines.extend(library.map(|path| format!("export RUST_LIB_SRC={}", path.display())));
    lines.extend(targets.iter().map(|target| format!("make LLVM={LLVM} {target}")));
    lines
}

/// Runs the kernel's own check in a shell with these settings. It leaves no files.
fn check(session: &Session, tree: &Path) -> Result<(), String> {
    // The PATH is that of the user. Our own builds have more folders.
    let script = [lines(session, &[]).join("\n"), "exec scripts/rust_is_available.sh".into()].join("\n");
    let mut check = command(session, "sh");
    check.current_dir(tree).arg("-c").arg(script).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    check.envs([("RUSTC", "rustc"), ("BINDGEN", "bindgen"), ("SRCARCH", "x86"), ("ARCH", "x86")]);
    check.env("CC", format!("clang{LLVM}"));
    let found = check.output().map_err(|error| error.to_string())?;
    if found.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&found.stderr);
    let lines = said.lines().map(|line| line.trim_start_matches("***").trim());
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).take(6).collect();
    Err(lines.join("\n  "))
}

/// Prints how to build one's own kernel. Returns whether that would find Rust.
fn own_build(session: &Session, tree: Option<&Path>) -> bool {
    println!("\nTo build a kernel of your own, type in its folder:");
    for line in lines(session, &["rustavailable", "menuconfig"]) {
        println!("  {line}");
    }
    match tree.map(|tree| check(session, tree)) {
        None => println!("Whether that finds Rust, make doctor says when there is a kernel source."),
        Some(Ok(())) => println!("With these lines the kernel's own check finds Rust usable."),
        Some(Err(said)) => {
            println!("With these lines the kernel's own check does not find Rust usable yet:\n  {said}");
            return false;
        }
    }
    true
}

/// Prints whether a configuration can have Rust, and if not, which symbol hides it.
fn configuration(session: &Session, path: &Path, tree: &Path) -> Result<bool> {
    let takes = "CONFIG= takes the .config in the folder where your kernel is built";
    let shown = session.show(path);
    let config = Config::parse(&fs::read_to_string(path).map_err(|e| Failure::new(format!("{shown}: {e}")).remedy(takes))?);
    let nothing = || Failure::new(format!("{shown} is no kernel configuration: it sets no symbol")).remedy(takes);
    ensure!(config != Config::default(), nothing());
    println!("\n{shown}");
    if config.on("RUST") {
        let ours = config.get("PCI_DEVRES_RUST");
        println!("  CONFIG_RUST=y, CONFIG_PCI_DEVRES_RUST={ours}");
        if !config.on("PCI_MSI") {
            println!("  CONFIG_PCI_DEVRES_RUST needs CONFIG_PCI_MSI:\n  Device Drivers, PCI support, Message Signaled Interrupts.");
        }
        return Ok(true);
    }
    let hidden = hides_rust(&config, tree)?;
    if hidden.is_empty() {
        println!("  CONFIG_RUST is not set, and nothing hides it.\n  Switch it on: General setup, Rust support.");
        return Ok(true);
    }
    println!("  CONFIG_RUST cannot be set, because these conditions of it do not hold:");
    for hidden in &hidden {
        let (here, remedy) = (&hidden.because, &hidden.remedy);
        println!("  {}\n    here: {here}\n    remedy: {remedy}", hidden.condition);
    }
    if !config.on("RUST_IS_AVAILABLE") && check(session, tree).is_ok() {
        println!("  Rust is available on this machine to a shell with these lines; configure");
        println!("  again with them, and with O= if you build in another folder:");
        for line in lines(session, &["olddefconfig"]) {
            println!("    {line}");
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_symbols_is_no_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("README.md");
        fs::write(&file, "# Title\n\nText.\n").unwrap();
        let error = configuration(&Session::new(None), &file, folder.path()).unwrap_err().to_string();
        assert!(error.contains("is no kernel configuration"), "{error}");
    }
}
