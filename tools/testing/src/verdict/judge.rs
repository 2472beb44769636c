// SPDX-License-Identifier: GPL-2.0

//! Turns a guest's log into one row for each test. A report of the kernel is charged to the test during which it was printed.

use crate::{common::*, verdict::*};

/// How many lines of the log a failed test quotes.
const QUOTED: usize = 30;

/// The last line of the guest's init.
pub const FINISHED: &str = "guest: finished";

/// A log, with the facts about the run.
pub struct Evidence<'a> {
    /// The guest's name, with its kernel's; every row begins with `guest::<name>`.
    pub guest: &'a str,
    /// The serial log.
    pub log: &'a [u8],
    /// The path of the log, for messages.
    pub path: &'a Path,
    /// A fault outside of the guest, for example that it had to be killed.
    pub outside: Vec<String>,
    /// How many KTAP documents there must be at least.
    pub documents: usize,
    /// KUnit suites that must be among them.
    pub due: &'a [&'a str],
    /// Texts of the reports that the guest provokes on purpose.
    pub provokes: &'a [&'a str],
    /// The functions in which the kernel may warn.
    pub tolerates: &'a [&'a str],
    /// Whether the kernel can make these reports, so that each must be printed at least once.
    pub reports: bool,
    /// Whether the guest provokes the kernel's reports on purpose. Then only its own results count, and it may end with a panic.
    pub trouble_due: bool,
}

/// Judges a run. The last row, `guest::<name>::boot`, stands for everything that belongs to no test.
pub fn judge(evidence: &Evidence<'_>, referee: impl Fn(&Document) -> Result<(), String>) -> Vec<Row> {
    let mut lines = klog::lines(evidence.log);
    klog::comment_additions(&mut lines, evidence.tolerates);
    let documents = ktap::documents(&lines);
    let trouble = if evidence.trouble_due { Trouble::none() } else { Trouble::except(evidence.provokes) };
    let mut rows = Vec::new();
    let mut errors = evidence.outside.clone();
    // Lines up to here have been charged to a test.
    let mut charged = 0;
    let mut quoted: &[Line] = &[];
    let outside_every_test = |lines: &[Line]| {
        let at = troubled(&trouble, lines)?;
        Some((format!("reported outside every test: {}", lines[at].text), at))
    };

    for document in &documents {
        let before = &lines[charged..document.first];
        if let Some((error, at)) = outside_every_test(before) {
            quoted = &before[at..];
            errors.push(error);
        }
        charged = document.first;
        for case in &document.cases {
            let span = &lines[charged..=case.line];
            charged = case.line + 1;
            rows.push(row(&format!("guest::{}::", evidence.guest), evidence.path, &trouble, case, span));
        }
        if let Err(error) = referee(document) {
            quoted = &lines[document.last.saturating_sub(15)..=document.last];
            errors.push(error);
        }
    }
    if let Some((error, at)) = outside_every_test(&lines[charged..]) {
        quoted = &lines[charged + at..];
        errors.push(error);
    }
    let (printed, due) = (documents.len(), evidence.documents);
    if printed < due {
        errors.push(format!("{printed} KTAP documents printed, at least {due} due"));
    }
    let suites: Vec<_> = documents.iter().flat_map(|document| &document.cases).filter_map(|case| case.path.first()).collect();
    for suite in evidence.due {
        if !suites.iter().any(|name| *name == suite) {
            errors.push(format!("no results of the KUnit suite {suite}"));
        }
    }
    for text in evidence.provokes {
        if evidence.reports && !lines.iter().any(|line| line.text.contains(text)) {
            let what = format!("the kernel has never reported '{text}'");
            errors.push(format!("{what}, which the guest provokes"));
        }
    }
    let end = |line: &Line| line.text == FINISHED || evidence.trouble_due && line.text.starts_with("Kernel panic");
    if !lines.iter().any(end) {
        let mut error = "the guest did not come to its end".to_string();
        if let Some(row) = rows.last() {
            error += &format!(", the last result was {}", row.name);
        }
        errors.push(error);
        if quoted.is_empty() {
            let last = lines.iter().rposition(|l| !l.text.is_empty()).map_or(0, |at| at + 1);
            quoted = &lines[last.saturating_sub(15)..last];
        }
    }
    let name = format!("guest::{}::boot", evidence.guest);
    let complaint = || message(&errors.join("\n"), quoted, evidence.path);
    rows.push(Row { log: Some(evidence.path.to_path_buf()), ..Row::judged(name, errors.is_empty(), complaint) });
    rounds::merge(rows)
}

/// Returns the row of a case, whose name begins with `prefix`. `span` are the lines up to its result in the log at `path`.
pub fn row(prefix: &str, path: &Path, trouble: &Trouble, case: &ktap::Case, span: &[Line]) -> Row {
    let name = format!("{prefix}{}", case.path.join("::").replace(' ', "_"));
    let reported = troubled(trouble, span);
    let complaint = || match reported {
        Some(at) => {
            let title = span[at..].iter().find(|l| !l.text.contains("[ cut here ]")).map_or("", |l| l.text.as_str());
            message(&format!("the kernel reported: {title}"), &span[at..], path)
        }
        None => {
            let last = &span[span.len().saturating_sub(QUOTED)..];
            message("the test says: not ok", last, path)
        }
    };
    let times = || Some((span.first()?.time?, span.last()?.time?));
    Row {
        skipped: case.skip.clone(),
        log: Some(path.to_path_buf()),
        seconds: times().map(|(from, to)| ((to - from) * 1000.0).round() / 1000.0),
        ..Row::judged(name, case.ok && reported.is_none(), complaint)
    }
}

fn message(why: &str, lines: &[Line], log: &Path) -> String {
    // The content of registers is left out here. The log has it.
    let registers = regex(r"^(R\w\w|[CDEFG]S|CR\d|DR\d|Code|RSP|PKRU|Hardware name|Modules linked in): ");
    let telling = |line: &&Line| line.text.starts_with("RIP: 0010") || !registers.is_match(&line.text);
    let lines = lines.iter().filter(telling).take(QUOTED);
    let quoted = quote(lines.map(|line| &line.text));
    format!("{why}\n{quoted}log: {}", log.display())
}

fn troubled(trouble: &Trouble, lines: &[Line]) -> Option<usize> {
    lines.iter().position(|line| trouble.is(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(log: &str) -> Evidence<'_> {
        Evidence {
            guest: "g",
            log: log.as_bytes(),
            path: Path::new("g.log"),
            outside: Vec::new(),
            documents: 1,
            due: &[],
            provokes: &[],
            tolerates: &[],
            reports: true,
            trouble_due: false,
        }
    }

    fn judged(log: &str) -> Vec<Row> {
        judge(&evidence(log), |_| Ok(()))
    }

    #[test]
    fn a_fault_of_the_document_is_shown_by_its_last_lines() {
        let log = "KTAP version 1\n1..2\n[ 1ok 1 a\nok 2 b\nguest: finished\n";
        let rows = judge(&evidence(log), |_| Err("KTAP: b: Expected test number 1 but found 2".into()));
        for part in ["Expected test number 1", "| [ 1ok 1 a", "log: g.log"] {
            assert!(rows[1].message.contains(part), "{}", rows[1].message);
        }
    }

    fn failed(rows: &[Row]) -> String {
        rows.iter().filter(|row| !row.ok).map(|row| row.name.trim_start_matches("guest::g::")).collect::<Vec<_>>().join(", ")
    }

    const WARN: &str = "------------[ cut here ]------------\nWARNING: CPU: 0 at x.c:1\nCall Trace:\n---[ end trace ]---\n";

    #[test]
    fn what_fails_in_a_log() {
        for (log, bad) in [
            ("1..2\nok 1 a\nok 2 b\nguest: finished\n", ""),
            // A warning fails the test that caused it, and outside every test the boot.
            (&format!("1..3\nok 1 a\n{WARN}ok 2 b\nok 3 c\nguest: finished\n"), "b"),
            (&format!("1..1\nok 1 a\n{WARN}guest: finished\n"), "boot"),
            // A hang.
            ("1..2\nok 1 a\n", "boot"),
        ] {
            assert_eq!(failed(&judged(&format!("KTAP version 1\n{log}"))), bad, "{log}");
        }
        let early = format!("{WARN}KTAP version 1\n1..1\nok 1 a\nguest: finished\n");
        for log in [&early, "guest: finished\n", ""] {
            assert_eq!(failed(&judged(log)), "boot", "{log}");
        }
    }

    #[test]
    fn a_failure_quotes_what_tells() {
        let caused = format!("1..2\nok 1 a\n{WARN}ok 2 b\nguest: finished\n");
        for (log, parts) in [
            (caused.as_str(), ["the kernel reported: WARNING: CPU: 0 at x.c:1", "log: g.log"]),
            ("1..2\nok 1 a\n", ["did not come to its end", "the last result was guest::g::a"]),
        ] {
            let rows = judged(&format!("KTAP version 1\n{log}"));
            let message = &rows.iter().find(|row| !row.ok).unwrap().message;
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn trouble_that_is_due_leaves_the_results_to_speak() {
        let log = format!("{WARN}KTAP version 1\n1..2\n{WARN}ok 1 a\nnot ok 2 b\nguest: finished\n");
        assert_eq!(failed(&judge(&Evidence { trouble_due: true, ..evidence(&log) }, |_| Ok(()))), "b");
    }

    #[test]
    fn a_report_fails_the_case_that_does_not_provoke_it() {
        let log = "KTAP version 1\n1..2\nok 1 a\nedu 1: irq vectors: free refused, x\nok 2 b\nguest: finished\n";
        let bad: [(&[&str], &str); 3] = [(&[], "b"), (&["free refused"], ""), (&["free refused", "leaked by the driver"], "boot")];
        for (provokes, bad) in bad {
            assert_eq!(failed(&judge(&Evidence { provokes, ..evidence(log) }, |_| Ok(()))), bad, "{provokes:?}");
        }
    }

    #[test]
    fn a_kunit_suite_that_is_due_must_be_there() {
        let log = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: one\n    1..1\n    ok 1 a\nok 1 one\nguest: finished\n";
        for (due, bad) in [("one", ""), ("two", "boot")] {
            assert_eq!(failed(&judge(&Evidence { due: &[due], ..evidence(log) }, |_| Ok(()))), bad, "{due}");
        }
    }
}
