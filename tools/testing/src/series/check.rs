// SPDX-License-Identifier: GPL-2.0

//! Proves that the series can be merged patch by patch: each is built and booted.

use std::{ops::Range, time::SystemTime};

use super::{checkers, mail::write, pieces::File, Step};
use crate::{checks::*, common::*, guest::*, kernel::*, verdict::Row};

/// Folders of the core. Their Makefiles say which of their files there are; of drivers, objects are named.
const CORE: [&str; 2] = ["drivers/pci/msi/", "drivers/pci/controller/pci-soft/"];

/// The tree that has one step after the other, and what is built from it.
struct Place<'a> {
    prepared: &'a Prepared,
    steps: &'a [Step],
    files: &'a [File],
    tree: PathBuf,
    /// A configuration with everything but Rust, of which objects are built.
    drivers: KernelSpec,
    /// The kernel that boots.
    kernel: KernelSpec,
}

/// Builds and boots the tree after the steps `from` to `to`, unless that very tree passed before.
/// The last tree is also checked by programs that would take too long for each step.
pub fn walk(prepared: &Prepared, steps: &[Step], files: &[File], (from, to): (usize, usize)) -> Result<Vec<Row>> {
    let tree = prepared.build.join("series/linux");
    if !tree.exists() {
        prepared.stage("series tree", "copying the kernel's source", |stage| {
            run(stage, &mut rsync(prepared, &prepared.pristine.tree, &tree, &[]), &prepared.log("series-copy"))?;
            Ok((prepared.show(&tree), ()))
        })?;
    }
    let fragments = ["tree", "no-rust", "series"];
    let drivers = KernelSpec {
        base: EVERYTHING,
        options: checkers::ALL,
        ..KernelSpec::new(prepared, "series/drivers", tree.clone(), &fragments)
    };
    let mut kernel = KernelSpec {
        out: prepared.build.join("series/kernel"),
        options: checkers::COMPILER,
        ..KernelSpec::new(prepared, "series", tree.clone(), &["guest", "hardware"])
    };
    kernel.fragments.push(tree.with_extension("config"));
    let place = Place { prepared, steps, files, tree, drivers, kernel };
    let record = prepared.build.join("series/passed.json");
    let text = fs::read_to_string(&record).unwrap_or_default();
    let mut passed: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_default();
    let how = checkers::ALL.join(" ");
    let key = |step: &Step| format!("{} {how} {}", prepared.pristine.version, step.tree);
    let mut rows = Vec::new();
    let mut booted = None;
    for built in together(steps).into_iter().filter(|built| built.end >= from && built.start < to) {
        let started = Instant::now();
        let is_new = steps[built.clone()].iter().any(|step| !passed.contains_key(&key(step)));
        let done = is_new.then(|| place.check(&built, &mut booted));
        let took = started.elapsed() / built.len() as u32;
        for (at, step) in steps.iter().enumerate().take(built.end).skip(built.start) {
            let name = format!("series::{:04}::{}", at + 1, step.subject.replace(' ', "_"));
            let row = match &done {
                None => Row::passed(name).with("note", format!("{}, earlier", passed[&key(step)])),
                Some(Ok(note)) => {
                    let note = format!("{note}, {:.0} s", took.as_secs_f32());
                    passed.insert(key(step), note.clone());
                    Row::passed(name).with("note", note)
                }
                Some(Err(error)) => Row::failed(name, format!("{error:#}")),
            };
            rows.push(row.took(took));
        }
        fs::write(&record, serde_json::to_string_pretty(&passed)?)?;
    }
    let Some(last) = steps.last().filter(|_| to == steps.len()) else { return Ok(rows) };
    let key = format!("{} checked", key(last));
    if passed.contains_key(&key) {
        rows.push(Row::passed("series::checkers").with("note", "earlier"));
        return Ok(rows);
    }
    let found = place.last().unwrap_or_else(|error| vec![Row::failed("series::checkers", format!("{error:#}"))]);
    if found.iter().all(|row| row.ok) {
        passed.insert(key, String::new());
        fs::write(&record, serde_json::to_string_pretty(&passed)?)?;
    }
    rows.extend(found);
    Ok(rows)
}

impl Place<'_> {
    /// Gives these files of the tree, or all, the state after a step.
    fn put(&self, step: usize, only: Option<&[&String]>) -> Result<()> {
        if place(&self.tree, self.files.iter().filter(|file: &&File| only.is_none_or(|only| only.contains(&&file.path))), step)? {
            // A tree with other symbols is configured anew.
            for spec in [&self.drivers, &self.kernel] {
                let _ = fs::remove_file(spec.out.join(".inputs"));
            }
        }
        let config = asked(&fs::read_to_string(self.prepared.fragment("ours"))?, self.files, step);
        Ok(fs::write(self.tree.with_extension("config"), config)?)
    }

    /// Returns the files that the series adds. Some are compiled for the first time by a later step than the one that adds them.
    fn added(&self) -> impl Iterator<Item = &String> {
        self.files.iter().filter(|file| file.after(0).is_none()).map(|file| &file.path)
    }

    /// Builds what some steps change, which `build` is told. Fails if that says more about these files than it does without the
    /// steps, or anything about a file that the series adds. Of the files only those are taken back about which there is a complaint:
    /// the others change other drivers.
    fn build_without_complaint<T>(&self, steps: &Range<usize>, build: impl Fn(&[&String]) -> Result<(T, PathBuf)>) -> Result<T> {
        let run = |changed: &[&String]| -> Result<_> {
            let (made, log) = build(changed)?;
            let said = fs::read_to_string(&log).unwrap_or_default();
            ensure!(!said.contains(checkers::NO_SPARSE), "sparse did not run");
            Ok((made, said))
        };
        let all = &self.steps[steps.clone()];
        let changed: Vec<_> = all.iter().flat_map(|step| &step.files).collect();
        self.put(steps.end, None)?;
        let (made, said) = run(&changed)?;
        let mut found = checkers::complaints(&said, &changed.iter().copied().chain(self.added()).collect::<Vec<_>>());
        if found.is_empty() {
            return Ok(made);
        }
        let is_named = |file: &String| found.iter().any(|said| said.starts_with(file.as_str()));
        let named: Vec<_> = all.iter().filter(|step| step.files.iter().any(is_named)).flat_map(|step| &step.files).collect();
        self.put(steps.start, Some(&named))?;
        let (_, said) = run(&named)?;
        checkers::keep_new(&mut found, checkers::complaints(&said, &named));
        ensure!(found.is_empty(), "new warnings:\n{}", found.join("\n"));
        self.put(steps.end, Some(&named))?;
        Ok(run(&named)?.0)
    }

    /// Builds and boots what some steps change. The build makes that anew, even if one that was interrupted made it: it says its
    /// warnings only then.
    fn check(&self, steps: &Range<usize>, booted: &mut Option<(usize, SystemTime)>) -> Result<String> {
        self.put(steps.end, None)?;
        let changed: BTreeSet<_> = self.steps[steps.clone()].iter().flat_map(|step| &step.files).collect();
        let makefile = |file: &&String| Path::new(file).with_file_name("Makefile").display().to_string();
        let has_makefile = |file: &&String| changed.iter().any(|other| other.starts_with(&makefile(file)));
        for file in changed.iter().copied().chain(self.added().filter(has_makefile)) {
            if let Ok(file) = fs::File::open(self.tree.join(file)) {
                file.set_modified(SystemTime::now())?;
            }
        }
        Ok(self.compile(steps)? + &self.boot(steps, booted)?)
    }

    /// Compiles what the files of some steps are for, without Rust.
    fn compile(&self, steps: &Range<usize>) -> Result<String> {
        let number = format!("{:04}", steps.end);
        let compiled = self.build_without_complaint(steps, |changed| {
            let log = self.prepared.log(&format!("series-drivers-{number}"));
            let targets = targets(changed.iter().copied(), &self.tree);
            if targets.is_empty() {
                let _ = fs::remove_file(&log);
                return Ok((false, log));
            }
            self.drivers.configure(self.prepared)?;
            self.prepared.stage(&format!("series-{number} RUST=n"), "compiling", |stage| {
                let targets: Vec<_> = targets.iter().map(String::as_str).collect();
                self.drivers.make(stage, self.prepared, &targets, &number)?;
                Ok((targets.join(" "), ()))
            })?;
            Ok((true, log))
        })?;
        Ok(if compiled { "compiled without Rust, " } else { "" }.into())
    }

    /// Builds the kernel after a step.
    fn kernel(&self, step: usize) -> Result<(Built, PathBuf)> {
        let spec = KernelSpec { name: format!("series-{step:04}"), ..self.kernel.clone() };
        spec.configure(self.prepared)?;
        Ok((spec.build(self.prepared)?, self.prepared.log(&format!("{}-build", spec.name))))
    }

    /// Builds the kernel after some steps, and boots what that made: drivers bind, work, are unbound and bound again.
    fn boot(&self, steps: &Range<usize>, booted: &mut Option<(usize, SystemTime)>) -> Result<String> {
        let kernel = self.build_without_complaint(steps, |_| self.kernel(steps.end))?;
        let mut newest = fs::metadata(&kernel.image)?.modified()?;
        for module in kernel.modules()? {
            newest = newest.max(fs::metadata(module)?.modified()?);
        }
        if let Some((of, _)) = booted.filter(|(_, then)| *then == newest) {
            return Ok(format!("the kernel of step {of}"));
        }
        let kind = if kernel.spec.asked()?.on("PCI_DEVRES_RUST") { Kernel::Ours } else { Kernel::Stock };
        let ready = Ready { initramfs: initramfs::pack(self.prepared, &kernel)?, kernel };
        if let Some(bad) = Run::new(list::guest("series"), kind).run(self.prepared, &ready)?.rows.iter().find(|row| !row.ok) {
            bail!("{}: {}", bad.name, bad.message);
        }
        *booted = Some((steps.end, newest));
        Ok("booted".into())
    }

    /// Has the kernel's checkers look at the last tree. What they say about a file of the series
    /// counts. sparse has seen the files that do not need Rust, with the step that changes them.
    fn last(&self) -> Result<Vec<Row>> {
        self.put(self.steps.len(), None)?;
        self.kernel(self.steps.len())?;
        let paths: Vec<_> = self.files.iter().map(|file| file.path.as_str()).collect();
        let wrong = |line: &str| line.contains(checkers::NO_SPARSE) || !checkers::complaints(line, &paths).is_empty();
        let check = |name: &str, arguments: &[&str]| {
            let mut make = self.kernel.command(self.prepared);
            make.arg(jobs()).args(arguments);
            scripts::judge(self.prepared, &format!("series::{name}"), "checking", &mut make, wrong)
        };
        // What the steps compiled without Rust was compared with what it was before.
        let is_new = |object: &PathBuf| self.kernel.out.join(object).exists() && !self.drivers.out.join(object).exists();
        let objects = paths.iter().map(|path| Path::new(path).with_extension("o")).filter(is_new);
        let objects: Vec<_> = objects.map(|object| object.display().to_string()).collect();
        let mut sparse = vec!["C=2", checkers::SPARSE];
        sparse.extend(objects.iter().map(String::as_str));
        let clippy = match which::which("clippy-driver") {
            Ok(_) => check("clippy", &["CLIPPY=1", "drivers/pci/", "samples/rust/"])?,
            Err(_) => Row::skipped("series::clippy", "clippy is not installed"),
        };
        let semantic = checkers::coccicheck(self.prepared, self.files, self.steps.len())?;
        Ok(vec![check("sparse", &sparse)?, clippy, check("rustdoc", &["rustdoc"])?, semantic])
    }
}

/// Reads which steps are wanted: all, or those from one number to another.
pub fn range(text: &str, steps: usize) -> Result<(usize, usize)> {
    if text == "1" {
        return Ok((1, steps));
    }
    let ends = text.split_once('-').unwrap_or((text, text));
    let number = |end: &str| end.parse().ok().filter(|n| (1..=steps).contains(n));
    let ends = number(ends.0).zip(number(ends.1)).filter(|(a, b)| a <= b);
    ends.with_context(|| format!("CHECK={text} is neither 1 nor numbers of patches like 99-{steps}"))
}

/// Cuts the steps into runs that are built as one. The steps of a run change drivers, each others,
/// and so each file is compiled as it would be after its own step.
fn together(steps: &[Step]) -> Vec<Range<usize>> {
    let folder = |file: &str| Path::new(file).parent().map(Path::to_path_buf);
    let leaf = |step: &Step| {
        step.files.iter().all(|file| {
            let in_pci = folder(file).is_some_and(|folder| folder == Path::new("drivers/pci"));
            let core = in_pci || CORE.iter().any(|core| file.starts_with(core));
            let driver = file.starts_with("drivers/") || file.starts_with("sound/");
            driver && !core && (file.ends_with(".c") || file.ends_with(".h"))
        })
    };
    let meet = |a: &String, b: &String| a == b || (folder(a) == folder(b) && (a.ends_with(".h") || b.ends_with(".h")));
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let joins = runs.last().is_some_and(|run| {
            let apart = |other: &Step| {
                let mut files = other.files.iter();
                leaf(other) && !files.any(|a| step.files.iter().any(|b| meet(a, b)))
            };
            leaf(step) && steps[run.clone()].iter().all(apart)
        });
        match runs.last_mut().filter(|_| joins) {
            Some(run) => run.end = at + 1,
            None => runs.push(at..at + 1),
        }
    }
    runs
}

/// Gives `tree` the state after a step, and returns whether symbols changed. Only files whose text
/// changes are written, so that `make` builds no others.
fn place<'a>(tree: &Path, files: impl Iterator<Item = &'a File>, step: usize) -> Result<bool> {
    let mut symbols = false;
    for file in files {
        let text = file.after(step);
        if text != fs::read_to_string(tree.join(&file.path)).ok() {
            symbols |= file.path.contains("Kconfig");
            write(tree, &file.path, text.as_deref())?;
        }
    }
    Ok(symbols)
}

/// Returns the lines of a configuration whose symbols exist after a step.
fn asked(config: &str, files: &[File], step: usize) -> String {
    let kconfig: String = files.iter().filter(|file| file.path.contains("Kconfig")).filter_map(|file| file.after(step)).collect();
    let has = |line: &&str| {
        let line = line.strip_prefix("CONFIG_");
        let symbol = line.and_then(|line| line.split('=').next());
        symbol.is_some_and(|symbol| kconfig.contains(&format!("config {symbol}\n")))
    };
    config.lines().filter(has).map(|line| format!("{line}\n")).collect()
}

/// What to make of files that changed, with the configuration that has everything but Rust. Of a
/// file or folder that is not in the tree there is nothing to make.
fn targets<'a>(files: impl Iterator<Item = &'a String>, tree: &Path) -> BTreeSet<String> {
    let has = |path: &str| tree.join(path).exists();
    let target = |file: &'a String| {
        let core = CORE.into_iter().find(|folder| file.starts_with(folder));
        if let Some(folder) = core.or(file.starts_with("include/").then_some(CORE[0])) {
            return has(&format!("{folder}Makefile")).then(|| folder.to_string());
        }
        let without_rust = !file.starts_with("rust/") && !tree::FILES.arm64_only.contains(&file.as_str());
        let stem = file.strip_suffix(".c").filter(|_| without_rust && has(file));
        stem.map(|stem| format!("{stem}.o"))
    };
    files.filter_map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{pieces::assign, table};

    #[test]
    fn a_step_is_placed_by_what_changes() {
        let takes = |path: &str| table::Step { take: vec![path.into()], ..table::Step::default() };
        let mut files = [File::new("a/Kconfig", None, "config NEW\n"), File::new("b", Some("old\n"), "new\n")];
        assign(&mut files, &[takes("b"), takes("a/Kconfig")], &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &str| fs::read_to_string(folder.path().join(path)).ok();
        assert!(place(folder.path(), files.iter(), 2).unwrap());
        assert_eq!(text("a/Kconfig").as_deref(), Some("config NEW\n"));
        assert!(!place(folder.path(), files.iter(), 2).unwrap());
        assert!(place(folder.path(), files.iter(), 1).unwrap());
        assert_eq!(text("a/Kconfig"), None);
        assert_eq!(text("b").as_deref(), Some("new\n"));
        let config = "# NEW\nCONFIG_NEW=y\nCONFIG_NEWER=y\n";
        assert_eq!(asked(config, &files, 1), "");
        assert_eq!(asked(config, &files, 2), "CONFIG_NEW=y\n");
    }

    #[test]
    fn steps_that_change_drivers_apart_are_built_together() {
        let step = |files: &[&str]| Step { files: files.iter().map(|file| file.to_string()).collect(), ..Step::default() };
        let steps = [
            step(&["drivers/a/x.c"]),
            step(&["drivers/a/y.c", "drivers/b/b.h"]),
            step(&["drivers/b/c.c"]),
            step(&["drivers/pci/vpd.c"]),
            step(&["drivers/c/Kconfig"]),
            step(&["drivers/c/c.c"]),
        ];
        assert_eq!(together(&steps), [0..2, 2..3, 3..4, 4..5, 5..6]);
        assert_eq!(range("1", 6).unwrap(), (1, 6));
        assert_eq!(range("2-4", 6).unwrap(), (2, 4));
        assert!(range("4-7", 6).is_err() && range("4-2", 6).is_err());
    }
}
