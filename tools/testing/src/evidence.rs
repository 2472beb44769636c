// SPDX-License-Identifier: GPL-2.0

//! Evidence: reproduces the failures without ownership, and shows the same source on our kernel.

mod cases;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use regex::Regex;

use crate::{
    common::{
        command::{command, run},
        layout::Layout,
        ui::Ui,
    },
    guest::{list, run::Run},
    host::packages,
    kernel::{
        prepare,
        prepare::{Prepared, Ready},
        spec::Kernel,
    },
    reports::results,
    verdict::{
        klog::{self, Line, Trouble},
        row::Row,
    },
};
use cases::{Case, Side, CASES};

/// The folder in `tools/testing/modules` with the drivers that are booted.
pub const MODULES: &str = "evidence";

/// The result of a case on one kernel.
#[derive(Debug)]
pub struct Found {
    case: &'static Case,
    side: &'static Side,
    /// Its row of `make test`.
    row: Row,
    /// Another, if its guest had to boot again.
    again: Option<Row>,
    /// The expectations that are met, by name.
    shown: Vec<&'static str>,
    /// The lines that matter.
    lines: Vec<String>,
    /// The name of the kernel that ran.
    kernel: String,
    /// Its configuration.
    config: String,
    /// The path of the whole log.
    log: String,
}

impl Case {
    fn test(&self, kernel: Kernel) -> String {
        let place = match self.guest {
            Some(_) => "guest",
            None => "host",
        };
        format!("{place}::evidence::{}{}", self.name, kernel.suffix())
    }

    fn log(&self, layout: &Layout, kernel: Kernel) -> PathBuf {
        layout.log(&format!("evidence-{}{}", self.name, kernel.suffix()))
    }
}

/// The cases to look at.
pub struct Chosen(Vec<(&'static Case, &'static Side)>);

impl Chosen {
    /// Selects the cases whose tests `make test` runs. They do not need the kernel that only `make evidence`
    /// builds.
    pub fn by_test(wanted: impl Fn(&str) -> bool) -> Self {
        let mut chosen = Self::all();
        chosen.0.retain(|(case, side)| {
            case.sides.iter().all(|side| side.kernel != Kernel::Earlier)
                && wanted(&case.test(side.kernel))
        });
        chosen
    }

    fn all() -> Self {
        let sides = |case: &'static Case| case.sides.iter().map(move |side| (case, side));
        Self(CASES.iter().flat_map(sides).collect())
    }

    /// The kernels to build, with the modules they need.
    pub fn kernels(&self) -> BTreeMap<Kernel, BTreeSet<&'static str>> {
        let mut kernels: BTreeMap<Kernel, BTreeSet<&str>> = BTreeMap::new();
        for (case, side) in &self.0 {
            let modules = kernels.entry(side.kernel).or_default();
            if case.guest.is_some() {
                modules.insert(MODULES);
            }
        }
        kernels
    }

    /// Runs the cases. A kernel that is not in `ready` could not be built, which is a failure already.
    pub fn find(
        &self,
        ui: &Ui,
        layout: &Layout,
        prepared: &Prepared,
        ready: &BTreeMap<Kernel, Ready>,
    ) -> Vec<Found> {
        let mut found = BTreeMap::new();
        let mut booted = (Vec::new(), Vec::new());
        for (at, (case, side)) in self.0.iter().copied().enumerate() {
            let Some(ready) = ready.get(&side.kernel) else {
                continue;
            };
            match &case.guest {
                Some(guest) => {
                    booted.0.push(at);
                    booted.1.push(Run::new(guest, side.kernel));
                }
                None => {
                    let looked = compile(ui, layout, prepared, ready, case, side);
                    found.insert(at, looked);
                }
            }
        }
        for (number, ran) in list::boot(ui, layout, ready, &booted.1) {
            let at = booted.0[number];
            let (case, side) = self.0[at];
            let ready = &ready[&side.kernel];
            let mut again = None;
            let mut looked = match ran {
                Ok(ran) => {
                    again = ran.again;
                    let outside = ran.rows.into_iter().filter(|row| !row.ok);
                    let outside = outside.map(|row| row.message).collect();
                    judge(layout, ready, case, side, &ran.log, &ran.text, outside)
                }
                Err(row) => {
                    let log = case.log(layout, side.kernel);
                    judge(layout, ready, case, side, &log, "", vec![row.message])
                }
            };
            looked.again = again;
            found.insert(at, looked);
        }
        found.into_values().collect()
    }
}

/// Their rows of `make test`.
pub fn rows(found: Vec<Found>) -> Vec<Row> {
    let both = |found: Found| [Some(found.row), found.again];
    found.into_iter().flat_map(both).flatten().collect()
}

/// `make evidence`: all cases, and the report.
pub fn evidence(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let prepared = prepare::source(ui, layout, linux, packages::REPORTS)?;
    let chosen = Chosen::all();
    let mut ready = BTreeMap::new();
    for (which, modules) in chosen.kernels() {
        let built = prepare::kernel(ui, layout, &prepared, which, &modules)?;
        ready.insert(which, built);
    }
    let found = chosen.find(ui, layout, &prepared, &ready);

    println!("\n{}", report::table(&found));
    for row in found.iter().map(|f| &f.row).filter(|row| !row.ok) {
        println!("\n{}: {}", row.name, row.message);
    }
    report::write(ui, layout, &found)?;
    let release = &ready[&Kernel::Ours].kernel.release;
    let rows = rows(found);
    let failed = results::write(layout, "evidence", Some(release), started.elapsed(), &rows)?;
    println!(
        "\nevidence: {}. {} of {} as expected\nreport: {}   {}",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len() - failed,
        rows.len(),
        layout.show(&report::rst(layout)),
        layout.show(&report::html(layout)),
    );
    Ok(failed == 0)
}

/// Compiles a driver as a module of its own, with warnings as errors.
fn compile(
    ui: &Ui,
    layout: &Layout,
    prepared: &Prepared,
    ready: &Ready,
    case: &'static Case,
    side: &'static Side,
) -> Found {
    let spec = &ready.kernel.spec;
    let source = layout.testing().join("modules").join(case.source);
    let folder = source.parent().unwrap_or(&source);
    let object = source.with_extension("o");
    let object = object.file_name().unwrap_or_default();
    let log = case.log(layout, side.kernel);
    let name = format!("compile {}{}", case.name, side.kernel.suffix());
    let outcome = ui.stage(&name, "asking the compiler", |stage| {
        let copy = layout.build.join("modules").join(&spec.name);
        fs::create_dir_all(&copy)?;
        let mut rsync = command(layout, "rsync");
        run(stage, rsync.arg("-a").arg(folder).arg(&copy), &log)?;
        let copy = copy.join(folder.file_name().unwrap_or_default());
        // The object of an earlier run must not count.
        let _ = fs::remove_file(copy.join(object));
        let mut make = prepared.tools.make(layout, &spec.source, &spec.out);
        make.arg("W=e")
            .arg(format!("M={}", copy.display()))
            .arg(object);
        let said = match run(stage, &mut make, &log) {
            Ok(()) => "compiles",
            Err(_) => "does not compile",
        };
        Ok((said, said.into()))
    });
    let (mut text, mut outside) = (fs::read_to_string(&log).unwrap_or_default(), Vec::new());
    match outcome {
        Ok(said) => text += said,
        Err(error) => outside.push(error.to_string()),
    }
    judge(layout, ready, case, side, &log, &text, outside)
}

fn judge(
    layout: &Layout,
    ready: &Ready,
    case: &'static Case,
    side: &'static Side,
    log: &Path,
    text: &str,
    outside: Vec<String>,
) -> Found {
    let mut errors = outside;
    let matches = |pattern: &str| {
        let regex = Regex::new(pattern).expect("a constant expression");
        text.lines().any(|line| regex.is_match(line))
    };
    let mut shown = Vec::new();
    for seen in side.shows {
        if matches(seen.pattern) {
            shown.push(seen.name);
        } else {
            errors.push(format!("does not show: {} ({})", seen.name, seen.pattern));
        }
    }
    let lines = telling(text);
    if side.clean {
        let trouble = Trouble::except(&[]);
        let shown = |line: &Line| {
            let mut patterns = side.shows.iter().map(|seen| seen.pattern);
            patterns.any(|pattern| {
                let regex = Regex::new(pattern).expect("a constant expression");
                regex.is_match(&line.text)
            })
        };
        let complaint = Regex::new(r"^(error|warning)(\[|:)").expect("a constant expression");
        let bad = klog::lines(text.as_bytes())
            .into_iter()
            .find(|line| trouble.is(line) && !shown(line) || complaint.is_match(&line.text));
        if let Some(Line { text, .. }) = bad {
            errors.push(format!("must not show: {text}"));
        }
    }
    let log = layout.show(log);
    let mut row = Row::passed(case.test(side.kernel));
    if !errors.is_empty() {
        let quote: String = lines.iter().map(|l| format!("    | {l}\n")).collect();
        row = Row::failed(
            row.name,
            format!("{}\n{quote}log: {log}", errors.join("\n")),
        );
    }
    row.log = Some(PathBuf::from(&log));
    row.values.insert("shows".into(), shown.clone().into());
    let fragments = &ready.kernel.spec.fragments;
    let config = fragments.iter().filter_map(|path| path.file_name());
    let config: Vec<_> = config.map(|name| name.to_string_lossy()).collect();
    Found {
        case,
        side,
        row,
        again: None,
        shown,
        lines,
        kernel: format!("Linux {}", ready.kernel.release),
        config: config.join(" + "),
        log,
    }
}

/// The number of callers that are quoted of a stack trace.
const CALLERS: usize = 6;

/// Returns the interesting lines of a log: those of the script and the driver, and all reports.
fn telling(text: &str) -> Vec<String> {
    let regex = |text| Regex::new(text).expect("a constant expression");
    let wanted = regex(concat!(
        r"\bevidence: |: irq vectors: |^WARNING: |^remove_proc_entry: |^Trying to free |^BUG: |^Oops: ",
        r"|failed with error|^Kernel panic|^(?:error|warning)(?:\[|:)|^(?:does not )?compile",
    ));
    let frame = regex(r"evidence: (?:begin|end)$|^error: aborting due");
    let caller = regex(r"^ +[\w.]+\+0x");
    let place = regex(r"^ *(?:-->|\d+ +\||\||\.\.\.|= )");
    let mut lines = Vec::new();
    let (mut quoting, mut callers) = (false, 0);
    for line in text.lines().filter(|line| !frame.is_match(line)) {
        let starts = wanted.is_match(line);
        if line.starts_with("Call Trace:") {
            callers = CALLERS;
        }
        let calls = callers > 0 && caller.is_match(line);
        callers -= usize::from(calls);
        // The compiler shows the place below the message.
        quoting = line.starts_with("error") && starts || quoting && place.is_match(line);
        if starts || calls || quoting {
            lines.push(line.trim_end().to_string());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_can_be_told_apart_and_are_as_their_tables_say() {
        let mut names = BTreeSet::new();
        for case in CASES {
            assert!(names.insert(case.name), "{} twice", case.name);
            assert_eq!(case.sides[1].kernel, Kernel::Ours);
            for side in &case.sides {
                assert!(!side.shows.is_empty(), "{}", case.name);
                for seen in side.shows {
                    assert!(Regex::new(seen.pattern).is_ok(), "{}", seen.pattern);
                }
            }
            if let Some(guest) = &case.guest {
                assert_eq!(guest.name, format!("evidence::{}", case.name));
                assert!(case.sides.iter().all(|s| guest.kernels.contains(&s.kernel)));
            }
        }
    }

    #[test]
    fn what_is_quoted_is_what_tells() {
        let log = "evidence: begin\nedu 0000:00:01.0: irq vectors: x\nCode: 00\n\
                   WARNING: a.c:1 at f+0x1/0x2\nRAX: 0\nCall Trace:\n <TASK>\n f+0x1/0x2\n ? g+0x1/0x2\n\
                   evidence: bind: ok\nevidence: end\n\
                   error[E0505]: cannot move\n  --> a.rs:1:2\n   |\n1 | x\n   | ^\n\nmake: x\n";
        assert_eq!(
            telling(log),
            [
                "edu 0000:00:01.0: irq vectors: x",
                "WARNING: a.c:1 at f+0x1/0x2",
                " f+0x1/0x2",
                "evidence: bind: ok",
                "error[E0505]: cannot move",
                "  --> a.rs:1:2",
                "   |",
                "1 | x",
                "   | ^",
            ]
        );
    }
}
