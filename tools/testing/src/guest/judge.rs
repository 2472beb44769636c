// SPDX-License-Identifier: GPL-2.0

//! Turns a guest's log into one row for each test. A report of the kernel is charged to the test during which it was printed.

use crate::{common::*, guest::Run, verdict::*};

/// How many lines of the log a failed test quotes.
const QUOTED: usize = 30;

/// Judges the lines that `run` printed, which are in the log at `path`, and a fault `outside` of the guest, for example that it had
/// to be killed. The last row, `guest::<name>::boot`, stands for everything that belongs to no test.
pub fn judge(
    run: &Run,
    lines: &[Line],
    path: &Path,
    outside: Option<String>,
    referee: impl Fn(&Document) -> Result<(), String>,
) -> Vec<Row> {
    let Run { guest, kernel, .. } = run;
    let mut lines = lines.to_vec();
    klog::comment_additions(&mut lines, guest.tolerates);
    let documents = ktap::documents(&lines);
    let trouble_due = guest.trouble_due.contains(kernel);
    let trouble = if trouble_due { Trouble::none() } else { Trouble::except(guest.provokes) };
    let mut rows = Vec::new();
    let mut errors = Vec::from_iter(outside);
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
            rows.push(row(&format!("guest::{}::", run.name()), path, &trouble, case, span));
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
    let (printed, due) = (documents.len(), guest.documents);
    if printed < due {
        errors.push(format!("{printed} KTAP documents printed, at least {due} due"));
    }
    let suites: Vec<_> = documents.iter().flat_map(|document| &document.cases).filter_map(|case| case.path.first()).collect();
    let missing = guest.due.iter().filter(|suite| !suites.iter().any(|name| name == *suite));
    errors.extend(missing.map(|suite| format!("no results of the KUnit suite {suite}")));
    let never = guest.provokes.iter().filter(|text| kernel.has_rule() && !lines.iter().any(|line| line.text.contains(**text)));
    errors.extend(never.map(|text| format!("the kernel has never reported '{text}', which the guest provokes")));
    // The last line of init.
    let end = |line: &Line| line.text == "guest: finished" || trouble_due && line.text.starts_with("Kernel panic");
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
    let name = format!("guest::{}::boot", run.name());
    let complaint = || message(&errors.join("\n"), quoted, path);
    rows.push(Row { log: Some(path.to_path_buf()), ..Row::judged(name, errors.is_empty(), complaint) });
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
        None => message("the test says: not ok", &span[span.len().saturating_sub(QUOTED)..], path),
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
    let quoted = quote(lines.iter().filter(telling).take(QUOTED).map(|line| &line.text));
    format!("{why}\n{quoted}log: {}", log.display())
}

fn troubled(trouble: &Trouble, lines: &[Line]) -> Option<usize> {
    lines.iter().position(|line| trouble.is(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{guest::*, kernel::Kernel};

    fn judged(guest: GuestSpec, log: &str, referee: fn(&Document) -> Result<(), String>) -> Vec<Row> {
        judge(&Run::new(guest.named("g".into()), Kernel::Ours), &klog::lines(log.as_bytes()), Path::new("g.log"), None, referee)
    }

    #[test]
    fn a_fault_of_the_document_is_shown_by_its_last_lines() {
        let log = "KTAP version 1\n1..2\n[ 1ok 1 a\nok 2 b\nguest: finished\n";
        let rows = judged(DEFAULT, log, |_| Err("KTAP: b: Expected test number 1 but found 2".into()));
        for part in ["Expected test number 1", "| [ 1ok 1 a", "log: g.log"] {
            assert!(rows[1].message.contains(part), "{}", rows[1].message);
        }
    }

    const WARN: &str = "------------[ cut here ]------------\nWARNING: CPU: 0 at x.c:1\nCall Trace:\n---[ end trace ]---\n";

    #[test]
    fn what_fails_in_a_log() {
        let provokes = |provokes| GuestSpec { provokes, ..DEFAULT };
        let report = "KTAP version 1\n1..2\nok 1 a\nedu 1: irq vectors: free refused, x\nok 2 b\nguest: finished\n";
        let due = |due| GuestSpec { due, ..DEFAULT };
        let suite =
            "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: one\n    1..1\n    ok 1 a\nok 1 one\nguest: finished\n";
        let trouble = GuestSpec { trouble_due: &[Kernel::Ours], ..DEFAULT };
        let caused = format!("KTAP version 1\n1..3\nok 1 a\n{WARN}ok 2 b\nok 3 c\nguest: finished\n");
        let cases: [(GuestSpec, &str, &str, &[&str]); 13] = [
            (DEFAULT, "KTAP version 1\n1..2\nok 1 a\nok 2 b\nguest: finished\n", "", &[]),
            // A warning fails the test that caused it, and outside every test the boot.
            (DEFAULT, &caused, "b", &["the kernel reported: WARNING: CPU: 0 at x.c:1", "log: g.log"]),
            (DEFAULT, &format!("KTAP version 1\n1..1\nok 1 a\n{WARN}guest: finished\n"), "boot", &[]),
            (DEFAULT, &format!("{WARN}KTAP version 1\n1..1\nok 1 a\nguest: finished\n"), "boot", &[]),
            // A hang.
            (DEFAULT, "KTAP version 1\n1..2\nok 1 a\n", "boot", &["did not come to its end", "the last result was guest::g::a"]),
            (DEFAULT, "guest: finished\n", "boot", &[]),
            (DEFAULT, "", "boot", &[]),
            // Trouble that is due leaves the results to speak.
            (trouble, &format!("{WARN}KTAP version 1\n1..2\n{WARN}ok 1 a\nnot ok 2 b\nguest: finished\n"), "b", &[]),
            // A report fails the case that does not provoke it.
            (provokes(&[]), report, "b", &[]),
            (provokes(&["free refused"]), report, "", &[]),
            (provokes(&["free refused", "leaked by the driver"]), report, "boot", &[]),
            // A KUnit suite that is due must be there.
            (due(&["one"]), suite, "", &[]),
            (due(&["two"]), suite, "boot", &[]),
        ];
        for (guest, log, bad, parts) in cases {
            let mut rows = judged(guest, log, |_| Ok(()));
            rows.retain(|row| !row.ok);
            let names: Vec<_> = rows.iter().map(|row| row.name.trim_start_matches("guest::g::")).collect();
            assert_eq!(names.join(", "), bad, "{log}");
            for part in parts {
                assert!(rows[0].message.contains(part), "{}", rows[0].message);
            }
        }
    }
}
