// SPDX-License-Identifier: GPL-2.0

//! Evidence: reproduces the failures without ownership, and shows the same source on our kernel.

mod cases;
mod report;

pub use cases::Side;
use cases::{Case, TABLE};

use crate::{common::*, guest::*, kernel::*, reports::results, verdict::*};

/// The result of a case on one kernel.
#[derive(Debug)]
pub struct Found {
    side: Side,
    /// Its row of `make test`.
    row: Row,
    /// Another, if its guest had to boot again.
    again: Option<Row>,
    /// The expectations that are met, by name.
    shown: Vec<&'static str>,
    lines: Vec<String>,
    /// The kernel that ran, its configuration, and the path of the whole log.
    kernel: String,
    config: String,
    log: String,
}

impl Side {
    fn test(&self) -> String {
        let place = if self.case.steps.is_some() { "guest" } else { "host" };
        format!("{place}::evidence::{}", self.name())
    }

    fn name(&self) -> String {
        format!("{}{}", self.case.name, self.kernel.suffix())
    }

    fn log(&self, session: &Session) -> PathBuf {
        session.log(&format!("evidence-{}", self.name()))
    }
}

/// Returns all cases, each on its kernels.
fn all() -> Vec<Side> {
    TABLE.cases.iter().flat_map(Case::sides).collect()
}

/// Selects the cases whose tests `make test` runs. They do not need the kernel that only `make evidence` builds.
pub fn by_test(wanted: impl Fn(&str) -> bool) -> Vec<Side> {
    let with_earlier = |case: &'static Case| case.sides().any(|s| s.kernel == Kernel::Earlier);
    all().into_iter().filter(|side| !with_earlier(side.case) && wanted(&side.test())).collect()
}

/// The kernels to build, with the modules they need.
pub fn kernels(sides: &[Side]) -> BTreeMap<Kernel, BTreeSet<&'static str>> {
    let mut kernels: BTreeMap<Kernel, BTreeSet<&str>> = BTreeMap::new();
    for side in sides {
        kernels.entry(side.kernel).or_default().extend(side.case.steps.map(|_| "evidence"));
    }
    kernels
}

/// Runs the cases. A kernel that is not in `ready` could not be built, which is a failure already.
pub fn find(sides: &[Side], prepared: &Prepared, ready: &BTreeMap<Kernel, Ready>) -> Vec<Found> {
    let sides = sides.iter().filter(|side| ready.contains_key(&side.kernel));
    let runs: Vec<_> = sides.clone().filter_map(|side| Some(Run::new(side.case.guest()?, side.kernel))).collect();
    let mut booted = list::boot(prepared, ready, &runs).into_values();
    let mut boots = |side: &Side| match booted.next().expect("there is a result of every run") {
        Ok(ran) => {
            let outside = ran.rows.into_iter().filter(|row| !row.ok).map(|row| row.message).collect();
            let found = judge(prepared, &ready[&side.kernel], side, &ran.log, &ran.text, outside);
            Found { again: ran.again, ..found }
        }
        Err(row) => judge(prepared, &ready[&side.kernel], side, &side.log(prepared), "", vec![row.message]),
    };
    let found = sides.map(|side| match side.case.steps {
        Some(_) => boots(side),
        None => compile(prepared, &ready[&side.kernel], side),
    });
    found.collect()
}

pub fn rows(found: Vec<Found>) -> Vec<Row> {
    found.into_iter().flat_map(|found: Found| [Some(found.row), found.again]).flatten().collect()
}

pub fn evidence(session: &Session) -> Result<bool> {
    let prepared = prepare::source(session, &[])?;
    let sides = all();
    let mut ready = BTreeMap::new();
    for (which, modules) in kernels(&sides) {
        ready.insert(which, prepare::kernel(&prepared, which, &modules)?);
    }
    let found = find(&sides, &prepared, &ready);

    println!("\n{}", report::table(&found));
    let page = report::write(session, &found)?;
    let release = Some(ready[&Kernel::Ours].kernel.release.as_str());
    results::conclude(session, "evidence", release, &rows(found), &format!("page: {}   ", session.show(&page)))
}

/// Compiles a driver as a module of its own, with warnings as errors.
fn compile(prepared: &Prepared, ready: &Ready, side: &Side) -> Found {
    let spec = &ready.kernel.spec;
    let source = prepared.testing().join("modules").join(side.case.source);
    let folder = source.parent().unwrap_or(&source);
    let object = source.with_extension("o");
    let object = object.file_name().unwrap_or_default();
    let log = side.log(prepared);
    let outcome = prepared.stage(&format!("compile {}", side.name()), "asking the compiler", |stage| {
        let copy = prepared.modules(&spec.name).join(folder.file_name().unwrap_or_default());
        run(stage, &mut rsync(prepared, folder, &copy, &[]), &log)?;
        // The object of an earlier run must not count.
        let _ = fs::remove_file(copy.join(object));
        let mut make = prepared.make(&spec.source, &spec.out);
        make.arg("W=e").arg(format!("M={}", copy.display())).arg(object);
        let said = if run(stage, &mut make, &log).is_ok() { "compiles" } else { "does not compile" };
        Ok((said.into(), said))
    });
    let (mut text, mut outside) = (fs::read_to_string(&log).unwrap_or_default(), Vec::new());
    match outcome {
        Ok(said) => text += said,
        Err(error) => outside.push(error.to_string()),
    }
    judge(prepared, ready, side, &log, &text, outside)
}

fn judge(session: &Session, ready: &Ready, side: &Side, log: &Path, text: &str, outside: Vec<String>) -> Found {
    let mut errors = outside;
    let expected = |name: &&str| regex(TABLE.seen[name]);
    let (shown, missing): (Vec<_>, Vec<_>) = side.shows.iter().partition(|name| {
        let expression = expected(name);
        text.lines().any(|line| expression.is_match(line))
    });
    errors.extend(missing.into_iter().map(|name: &str| format!("does not show: {name} ({})", TABLE.seen[name])));
    if side.clean {
        let trouble = Trouble::except(&[]);
        let complaint = regex(r"^(error|warning)(\[|:)");
        let expected: Vec<_> = side.shows.iter().map(expected).collect();
        let shown = |line: &Line| expected.iter().any(|e| e.is_match(&line.text));
        let mut lines = klog::lines(text.as_bytes()).into_iter();
        let bad = lines.find(|line| trouble.is(line) && !shown(line) || complaint.is_match(&line.text));
        errors.extend(bad.map(|line| format!("must not show: {}", line.text)));
    }
    let lines = telling(text);
    let log = session.show(log);
    let complaint = || format!("{}\n{}log: {log}", errors.join("\n"), quote(&lines));
    let mut row = Row::judged(side.test(), errors.is_empty(), complaint).with("shows", shown.clone());
    row.log = Some(PathBuf::from(&log));
    let config: Vec<_> = ready.kernel.spec.fragments.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy())).collect();
    Found {
        side: *side,
        row,
        again: None,
        shown,
        lines,
        kernel: format!("Linux {}", ready.kernel.release),
        config: config.join(" + "),
        log,
    }
}

/// Returns the interesting lines of a log: those of the script and the driver, and all reports.
fn telling(text: &str) -> Vec<String> {
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
            callers = 6;
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
