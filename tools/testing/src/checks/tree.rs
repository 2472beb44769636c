// SPDX-License-Identifier: GPL-2.0

//! Every driver of the tree that the overlay converts compiles: `tree::` in `make test`, and in its long form `make tree-check`.
//!
//! The configuration is `allmodconfig`, and only the objects in question are built: on x86-64 all, on arm64 those of hardware that
//! such machines have. An object counts as compiled if it exists after a `make` that removes failed ones, and if it needs only
//! exported functions of the PCI core.

use crate::{checks::tree_report, common::*, host::llvm, kernel::*, reports::results, verdict::Row};

/// What is compiled: `tools/testing/tree.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(borrow)]
    pub arm64_only: Vec<&'static str>,
    arm64: Vec<&'static str>,
    rust: Vec<PathBuf>,
    /// The page of the documentation, without what was found.
    pub page: String,
}

pub static FILES: LazyLock<Files> = LazyLock::new(|| data(include_str!("../../tree.toml")));

/// A kernel that the drivers are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub arch: &'static str,
    /// Whether `CONFIG_PCI_DEVRES_RUST` is on.
    pub on: bool,
}

/// All targets. `make test` compiles for the first one.
pub const TARGETS: [Target; 4] = [
    Target { arch: "x86_64", on: true },
    Target { arch: "x86_64", on: false },
    Target { arch: "arm64", on: true },
    Target { arch: "arm64", on: false },
];

impl Target {
    /// Names its folder, log and rows.
    pub fn name(self) -> String {
        format!("{}-{}", self.arch, if self.on { "on" } else { "off" })
    }

    /// Returns whether a file is compiled for this target.
    fn wants(self, file: &Path) -> bool {
        let among = |list: &[&str]| list.iter().any(|path| file.starts_with(path));
        match self.arch {
            "arm64" => among(&FILES.arm64),
            _ => !among(&FILES.arm64_only),
        }
    }

    fn spec(self, session: &Session) -> KernelSpec {
        let rust = if self.on { "rust" } else { "no-rust" };
        let name = format!("tree/{}", self.name());
        KernelSpec { arch: Some(self.arch), base: EVERYTHING, ..KernelSpec::new(session, &name, session.linux(), &["tree", rust]) }
    }

    /// Compiles `files`, and the drivers in Rust if the target has it. Returns a row for each.
    fn compile(self, prepared: &Prepared, files: &[Converted]) -> Result<Vec<Row>> {
        let spec = self.spec(prepared);
        spec.configure(prepared)?;
        let rust = if self.on && self.arch == "x86_64" { &FILES.rust[..] } else { &[] };
        prepared.stage(&format!("tree {}", self.name()), "compiling converted drivers", |stage| {
            spec.make(stage, prepared, &["prepare"], "prepare")?;

            let log = prepared.log(&format!("tree-{}", self.name()));
            let mut make = spec.command(prepared);
            make.args(["-k", &jobs()]);
            let wanted = files.iter().map(|f| &f.file).filter(|file| self.wants(file)).chain(rust);
            make.args(wanted.map(|file| file.with_extension("o")));
            if !matches!(watch(stage, &mut make, &log, HOUR)?, Ended::Exited(_)) {
                return Err(Failure::new("compiling did not end in time").log(&log).into());
            }
            let text = fs::read_to_string(&log)?;
            let exports = exports(&prepared.linux())?;
            let mut rows = Vec::new();
            for file in files.iter().map(|f| &f.file).chain(rust) {
                rows.push(self.row(prepared, file, &text, &exports)?);
            }
            let absent = rows.iter().filter(|row| row.skipped.is_some()).count();
            let failed = rows.iter().filter(|row| !row.ok).count();
            let yes = rows.len() - absent - failed;
            Ok((format!("{yes} compiled, {failed} failed, {absent} not in this configuration"), rows))
        })
    }

    fn row(self, session: &Session, file: &Path, log: &str, exports: &BTreeSet<String>) -> Result<Row> {
        let name = format!("tree::{}::{}", self.name(), file.display());
        if !self.wants(file) {
            return Ok(Row::skipped(name, format!("not a driver for {}", self.arch)));
        }
        let object = self.spec(session).out.join(file.with_extension("o"));
        let complaint = if object.exists() {
            let unknown = not_exported(session, &object, exports)?;
            if unknown.is_empty() {
                return Ok(Row::passed(name));
            }
            format!("needs what nobody exports: {}", unknown.join(", "))
        } else {
            about(log, file).collect::<Vec<_>>().join("\n")
        };
        let log = session.show(&session.log(&format!("tree-{}", self.name())));
        Ok(Row::failed(name, format!("{complaint}\nlog: {log}"))
            .or_remedy("mend the driver's patch in scripts/patches/drivers, or the semantic patch"))
    }
}

/// Returns errors in the log that name a file, or its object if no rule builds it.
fn about<'a>(log: &'a str, file: &'a Path) -> impl Iterator<Item = &'a str> {
    let names = [file.to_path_buf(), file.with_extension("o")].map(|f| f.display().to_string());
    log.lines()
        .filter(move |line| line.contains("rror") || line.contains("No rule"))
        .filter(move |line| names.iter().any(|name| line.contains(name)))
}

fn exports(linux: &Path) -> Result<BTreeSet<String>> {
    let line = regex(r"(?m)^EXPORT_SYMBOL(?:_GPL)?\((\w+)\)");
    let mut found = BTreeSet::new();
    for path in files(&linux.join("drivers/pci"), &["c"])? {
        found.extend(line.captures_iter(&String::from_utf8_lossy(&fs::read(&path)?)).map(|c| c[1].to_string()));
    }
    Ok(found)
}

/// Returns the calls of the interrupt-vector API that an object needs and that are not exported to modules.
fn not_exported(session: &Session, object: &Path, exports: &BTreeSet<String>) -> Result<Vec<String>> {
    let call = regex(r"^pcim?_.*(irq|msi)");
    let needed = llvm(session, "nm", &["--undefined-only", "--format=just-symbols"], object)?;
    Ok(needed.lines().filter(|name| call.is_match(name) && !exports.contains(*name)).map(String::from).collect())
}

/// Returns the rows of `make test`: one for each file, for the first target.
pub fn test(prepared: &Prepared) -> Result<Vec<Row>> {
    TARGETS[0].compile(prepared, &drivers::converted(prepared)?)
}

/// `make tree-check`: all files for all targets, as a table and as a page of the documentation.
pub fn check(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, &[])?;
    let files = drivers::converted(session)?;
    let mut found = Vec::new();
    for target in TARGETS {
        found.push(target.compile(&prepared, &files)?);
    }
    let rows = found.concat();
    let lines = tree_report::lines(&files, &found);
    println!("\n{}", table(&lines[0]).add_rows(&lines[1..]));
    let mut written = String::new();
    if rows.iter().all(|row| row.ok) {
        let page = session.root.join(tree_report::PAGE);
        fs::write(&page, tree_report::page(&prepared, &files, &lines, &fs::read_to_string(&page).unwrap_or_default()))?;
        written = format!("page: {}   ", session.show(&page));
    }
    results::conclude(session, "tree-check", Some(prepared.pristine.version.as_str()), &rows, &written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_says_about_a_file() {
        let log = "make[2]: *** No rule to make target 'drivers/a/b.o'.\n\
                   ../linux/drivers/x/y.c:7:2: error: undeclared\n";
        for file in ["drivers/a/b.c", "drivers/x/y.c"] {
            assert_eq!(about(log, Path::new(file)).count(), 1);
        }
        assert_eq!(about(log, Path::new("drivers/x/z.c")).count(), 0);
    }

    #[test]
    fn every_file_is_compiled_for_somebody() {
        for file in drivers::converted(&Session::new(None)).unwrap() {
            assert!(TARGETS.iter().any(|target| target.wants(&file.file)));
        }
    }
}
