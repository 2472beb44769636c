// SPDX-License-Identifier: GPL-2.0

//! Turns a guest's log into one row for each test. A report of the kernel is charged to the test during which it was printed.

use std::path::Path;

use crate::{
    common::{quote, regex},
    verdict::{klog, ktap, rounds, Document, Line, Row, Trouble},
};

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
    /// Whether the kernel can make these reports, so that each must be printed at least once.
    pub reports: bool,
    /// Whether the guest provokes the kernel's reports on purpose. Then only its own results count, and it may end with a
    /// panic.
    pub trouble_due: bool,
}

/// Judges a run. The last row, `guest::<name>::boot`, stands for everything that belongs to no test.
pub fn judge(
    evidence: &Evidence<'_>,
    referee: impl Fn(&Document) -> Result<(), String>,
) -> Vec<Row> {
    let mut lines = klog::lines(evidence.log);
    klog::comment_report_warnings(&mut lines);
    klog::comment_refused_handlers(&mut lines);
    let documents = ktap::documents(&lines);
    let trouble = match evidence.trouble_due {
        true => Trouble::none(),
        false => Trouble::except(evidence.provokes),
    };
    let mut rows = Vec::new();
    let mut errors = evidence.outside.clone();
    // Lines up to here have been charged to a test.
    let mut charged = 0;
    let mut quoted: &[Line] = &[];

    for document in &documents {
        let before = &lines[charged..document.first];
        if let Some(at) = troubled(&trouble, before) {
            quoted = &before[at..];
            errors.push(outside_every_test(quoted));
        }
        charged = document.first;
        for case in &document.cases {
            let span = &lines[charged..=case.line];
            charged = case.line + 1;
            rows.push(row(evidence, &trouble, case, span));
        }
        errors.extend(document.errors.iter().map(|e| format!("KTAP: {e}")));
        if document.errors.is_empty() {
            errors.extend(referee(document).err());
        } else {
            quoted = &lines[document.wrong.saturating_sub(15)..=document.wrong];
        }
    }
    let after = &lines[charged..];
    if let Some(at) = troubled(&trouble, after) {
        quoted = &after[at..];
        errors.push(outside_every_test(quoted));
    }
    if documents.len() < evidence.documents {
        errors.push(format!(
            "{} KTAP documents printed, at least {} due",
            documents.len(),
            evidence.documents
        ));
    }
    let cases = || documents.iter().flat_map(|document| &document.cases);
    for suite in evidence.due {
        if !cases().any(|case| case.path.first().is_some_and(|name| name == suite)) {
            errors.push(format!("no results of the KUnit suite {suite}"));
        }
    }
    for text in evidence.provokes {
        if evidence.reports && !lines.iter().any(|line| line.text.contains(text)) {
            errors.push(format!(
                "the kernel has never reported '{text}', which the guest provokes"
            ));
        }
    }
    let end = |line: &Line| {
        line.text == FINISHED || evidence.trouble_due && line.text.starts_with("Kernel panic")
    };
    if !lines.iter().any(end) {
        let after = rows.last().map_or(String::new(), |row| {
            format!(", the last result was {}", row.name)
        });
        errors.push(format!("the guest did not come to its end{after}"));
        if quoted.is_empty() {
            let last = lines.iter().rposition(|l| !l.text.is_empty());
            let last = last.map_or(0, |at| at + 1);
            quoted = &lines[last.saturating_sub(15)..last];
        }
    }
    let name = format!("guest::{}::boot", evidence.guest);
    let mut boot = Row::judged(name, errors.is_empty(), || {
        message(&errors.join("\n"), quoted, evidence.path)
    });
    boot.log = Some(evidence.path.to_path_buf());
    rows.push(boot);
    rounds::merge(rows)
}

fn outside_every_test(lines: &[Line]) -> String {
    format!("reported outside every test: {}", lines[0].text)
}

fn row(evidence: &Evidence<'_>, trouble: &Trouble, case: &ktap::Case, span: &[Line]) -> Row {
    let name = format!(
        "guest::{}::{}",
        evidence.guest,
        case.path.join("::").replace(' ', "_")
    );
    let mut row = Row::passed(name);
    row.skipped.clone_from(&case.skip);
    row.log = Some(evidence.path.to_path_buf());
    let times = || Some((span.first()?.time?, span.last()?.time?));
    row.seconds = times().map(|(from, to)| ((to - from) * 1000.0).round() / 1000.0);
    let reported = troubled(trouble, span);
    if case.ok && reported.is_none() {
        return row;
    }
    row.ok = false;
    row.message = match reported {
        Some(at) => {
            let title = span[at..].iter().find(|l| !l.text.contains("[ cut here ]"));
            let title = title.map_or("", |l| l.text.as_str());
            let why = format!("the kernel reported: {title}");
            message(&why, &span[at..], evidence.path)
        }
        None => {
            let last = &span[span.len().saturating_sub(QUOTED)..];
            message("the test says: not ok", last, evidence.path)
        }
    };
    row
}

fn message(why: &str, lines: &[Line], log: &Path) -> String {
    // The content of registers is left out here. The log has it.
    let registers =
        regex(r"^(R\w\w|[CDEFG]S|CR\d|DR\d|Code|RSP|PKRU|Hardware name|Modules linked in): ");
    let telling =
        |line: &&Line| line.text.starts_with("RIP: 0010") || !registers.is_match(&line.text);
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
            reports: true,
            trouble_due: false,
        }
    }

    fn judged(log: &str) -> Vec<Row> {
        judge(&evidence(log), |_| Ok(()))
    }

    fn failed(rows: &[Row]) -> Vec<&str> {
        rows.iter()
            .filter(|r| !r.ok)
            .map(|r| r.name.as_str())
            .collect()
    }

    const WARN: &str = "------------[ cut here ]------------\nWARNING: CPU: 0 at x.c:1\nCall Trace:\n---[ end trace ]---\n";

    #[test]
    fn a_good_run_has_no_failures() {
        let rows = judged("KTAP version 1\n1..2\nok 1 a\nok 2 b\nguest: finished\n");
        assert_eq!(rows.len(), 3);
        assert!(failed(&rows).is_empty());
    }

    #[test]
    fn a_warning_fails_the_test_that_caused_it() {
        let log = format!("KTAP version 1\n1..3\nok 1 a\n{WARN}ok 2 b\nok 3 c\nguest: finished\n");
        let rows = judged(&log);
        assert_eq!(failed(&rows), ["guest::g::b"]);
        assert!(rows[1]
            .message
            .starts_with("the kernel reported: WARNING: CPU: 0 at x.c:1"));
        assert!(rows[1].message.ends_with("log: g.log"));
    }

    #[test]
    fn a_warning_outside_every_test_fails_the_boot() {
        let early = judged(&format!(
            "{WARN}KTAP version 1\n1..1\nok 1 a\nguest: finished\n"
        ));
        assert_eq!(failed(&early), ["guest::g::boot"]);
        let late = judged(&format!(
            "KTAP version 1\n1..1\nok 1 a\n{WARN}guest: finished\n"
        ));
        assert_eq!(failed(&late), ["guest::g::boot"]);
    }

    #[test]
    fn trouble_that_is_due_leaves_the_results_to_speak() {
        let log =
            format!("{WARN}KTAP version 1\n1..2\n{WARN}ok 1 a\nnot ok 2 b\nguest: finished\n");
        let evidence = Evidence {
            guest: "g@stock",
            trouble_due: true,
            ..evidence(&log)
        };
        let rows = judge(&evidence, |_| Ok(()));
        assert_eq!(failed(&rows), ["guest::g@stock::b"]);
    }

    #[test]
    fn a_report_fails_the_case_that_does_not_provoke_it() {
        let log = "KTAP version 1\n1..2\nok 1 a\nedu 1: irq vectors: free refused, x\nok 2 b\nguest: finished\n";
        let bad: [(&[&str], &[&str]); 3] = [
            (&[], &["guest::g::b"]),
            (&["free refused"], &[]),
            (
                &["free refused", "leaked by the driver"],
                &["guest::g::boot"],
            ),
        ];
        for (provokes, bad) in bad {
            let evidence = Evidence {
                provokes,
                ..evidence(log)
            };
            assert_eq!(failed(&judge(&evidence, |_| Ok(()))), bad, "{provokes:?}");
        }
    }

    #[test]
    fn a_kunit_suite_that_is_due_must_be_there() {
        let log = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: one\n    1..1\n    ok 1 a\nok 1 one\nguest: finished\n";
        for (due, bad) in [("one", 0), ("two", 1)] {
            let evidence = Evidence {
                due: &[due],
                ..evidence(log)
            };
            let rows = judge(&evidence, |_| Ok(()));
            assert_eq!(failed(&rows).len(), bad, "{due}");
        }
    }

    #[test]
    fn a_hang_fails_the_boot() {
        let rows = judged("KTAP version 1\n1..2\nok 1 a\n");
        assert_eq!(failed(&rows), ["guest::g::boot"]);
        let message = &rows.last().unwrap().message;
        assert!(message.contains("did not come to its end"), "{message}");
        assert!(
            message.contains("planned 2 results and gave 1"),
            "{message}"
        );
    }

    #[test]
    fn a_result_that_is_missing_is_shown_by_the_lines_before() {
        let rows = judged("KTAP version 1\n1..2\n[ 1ok 1 a\nok 2 b\nguest: finished\n");
        assert_eq!(failed(&rows), ["guest::g::boot"]);
        let message = &rows.last().unwrap().message;
        assert!(message.contains("| [ 1ok 1 a"), "{message}");
    }

    #[test]
    fn silence_fails_the_boot() {
        assert_eq!(failed(&judged("guest: finished\n")), ["guest::g::boot"]);
        assert_eq!(failed(&judged("")), ["guest::g::boot"]);
    }

    #[test]
    fn tests_of_one_name_are_rounds() {
        let rows = judged("KTAP version 1\n1..2\nok 1 a\nok 2 a\nguest: finished\n");
        assert_eq!(rows[0].name, "guest::g::a");
        assert_eq!(rows[0].values["rounds"], 2);
    }
}
