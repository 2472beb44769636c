// SPDX-License-Identifier: GPL-2.0

//! The guest's serial log: its lines, and the reports in it that show a fault.

use regex::RegexSet;

use super::row::MEANING;
use crate::common::*;

/// One line of the log, without its time stamp.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Seconds since boot, where the line says so.
    pub time: Option<f64>,
    /// The thread or CPU that printed it, where the kernel says so (`CONFIG_PRINTK_CALLER`).
    pub caller: Option<String>,
    pub text: String,
}

/// Splits a serial log into lines, without partially printed ones.
pub fn lines(log: &[u8]) -> Vec<Line> {
    let stamp = regex(r"^\[\s*(\d+\.\d+)\](?:\[\s*([TC]\d+)\])? ?");
    let mut lines: Vec<Line> = Vec::new();
    let mut replaying = false;
    for raw in String::from_utf8_lossy(log).lines() {
        let text = raw.trim_end();
        let line = match stamp.captures(text) {
            Some(found) => Line {
                time: found[1].parse().ok(),
                caller: found.get(2).map(|caller| caller.as_str().to_string()),
                text: text[found[0].len()..].to_string(),
            },
            None => Line { text: text.to_string(), ..Line::default() },
        };
        // One CPU took the console over from another in the middle of a line, which is then printed again.
        if line.text == "** replaying previous printk message **" {
            replaying = true;
            continue;
        }
        if std::mem::take(&mut replaying) && lines.last().is_some_and(|last| line.text.starts_with(&last.text)) {
            lines.pop();
        }
        lines.push(line);
    }
    lines
}

/// The functions that report on ownership. A warning names them, whether or not it names the file.
const REPORTS: [&str; 3] = ["pci_irq_vectors_report", "pci_irq_handler_report_refused", "pci_irq_handler_report_leaked"];

/// Turns into comments what debugging options add to something that a test judges: the warning that `CONFIG_PCI_DEVRES_RUST_DEBUG` prints
/// after a report on ownership, and the stack that `CONFIG_DEBUG_SHIRQ` shows when a second handler is refused. Every warning in a
/// function that is `tolerated` becomes a comment, too. All lines of one come from the same thread. Other threads may print in between; their lines are not changed.
pub fn comment_additions(lines: &mut [Line], tolerated: &[&str]) {
    let callers: BTreeSet<_> = lines.iter().map(|line| line.caller.clone()).collect();
    for caller in callers {
        let mut its: Vec<&mut Line> = lines.iter_mut().filter(|line| line.caller == caller).collect();
        let (mut warned, mut refused) = (false, false);
        for at in 0..its.len() {
            let text = |at: usize| its.get(at).map_or("", |line| line.text.as_str());
            // The message of a warning, if it has one, comes before its place.
            let place = [1, 2].map(|after| text(at + after)).into_iter().find(|line| line.starts_with("WARNING: "));
            let names_one = |names: &[&str]| place.is_some_and(|place| names.iter().any(|name| place.contains(name)));
            let reported = at > 0 && text(at - 1).contains(": irq vectors: ");
            warned |= text(at).contains("[ cut here ]") && (names_one(tolerated) || reported && names_one(&REPORTS));
            refused |= text(at).starts_with("genirq: Flags mismatch irq ");
            let is_added = warned || refused && text(at).starts_with("Call Trace:");
            warned &= !text(at).contains("[ end trace ");
            refused &= text(at).trim() != "</TASK>" && !text(at).contains("KTAP");
            if is_added {
                its[at].text.insert_str(0, "# ");
            }
        }
    }
}

/// Finds lines that report a fault.
pub struct Trouble<'a> {
    signs: RegexSet,
    provoked: &'a [&'a str],
}

impl<'a> Trouble<'a> {
    /// Finds every report of a kernel with or without debugging options, except for lines with one of the texts in `provoked`.
    pub fn except(provoked: &'a [&'a str]) -> Self {
        Self { signs: RegexSet::new(&MEANING.trouble).expect("constant expressions"), provoked }
    }

    pub fn none() -> Self {
        Self { signs: RegexSet::empty(), provoked: &[] }
    }

    /// Returns whether a line reports a fault. The comments of a test script do not count.
    pub fn is(&self, line: &Line) -> bool {
        !line.text.trim_start().starts_with('#')
            && self.signs.is_match(&line.text)
            && !self.provoked.iter().any(|text| line.text.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_taken_off() {
        let log = lines(b"[    2.345678] pci 0000:00:02.0: hello\r\nSeaBIOS\r\n");
        assert_eq!(log[0].time, Some(2.345678));
        assert_eq!(log[0].text, "pci 0000:00:02.0: hello");
        assert_eq!(log[1].time, None);
    }

    #[test]
    fn what_a_broken_kernel_prints_is_trouble() {
        for (texts, expected) in [(&MEANING.is_trouble, true), (&MEANING.is_no_trouble, false)] {
            for text in texts {
                let log = format!("[    1.000000] {text}\r\n");
                assert_eq!(Trouble::except(&[]).is(&lines(log.as_bytes())[0]), expected, "{text}");
            }
        }
    }

    #[test]
    fn only_what_debugging_options_add_is_a_comment() {
        let report = "edu 0000:00:01.0: irq vectors: free refused, handler h is registered on irq 24";
        let ours = "drivers/pci/msi/ownership.c:70 at pci_irq_vectors_report";
        let theirs = "kernel/irq/manage.c:70 at free_irq";
        let warning = |place: &str| format!("------------[ cut here ]------------\nWARNING: {place}+0x1/0x2\nCall Trace:\n");
        let after = |report: &str, place: &str| {
            format!("{report}\n{}---[ end trace 0000000000000000 ]---\nBUG: after it\n", warning(place))
        };
        let tolerated = "--[ cut here ]--\nname 'spurious'\nWARNING: fs/proc/generic.c:1 at remove_proc_entry+0x1\nCall Trace:\n\
                    ---[ end trace 0 ]---\n--[ cut here ]--\nWARNING: a.c:1 at b+0x1\nCall Trace:\n---[ end trace 0 ]---\n";
        let refused = "genirq: Flags mismatch irq 24. 00200000 (a) vs. 00200000 (b)\nCPU: 1\nCall Trace:\n <TASK>\n \
                    </TASK>\nCall Trace:\n";
        for (log, left) in [
            (after(report, ours), "BUG: after it\n"),
            (after(report, "at pci_irq_handler_report_leaked"), "BUG: after it\n"),
            (after(report, theirs), &(warning(theirs) + "BUG: after it\n")),
            (after("something else", ours), &(warning(ours) + "BUG: after it\n")),
            (tolerated.into(), "--[ cut here ]--\nWARNING: a.c:1 at b+0x1\nCall Trace:\n"),
            (refused.into(), "Call Trace:\n"),
        ] {
            let mut lines = lines(log.as_bytes());
            comment_additions(&mut lines, &["remove_proc_entry"]);
            let trouble = Trouble::except(&[": irq vectors: "]);
            let found: String = lines.iter().filter(|line| trouble.is(line)).map(|line| line.text.clone() + "\n").collect();
            assert_eq!(found, left, "{log}");
        }
    }

    #[test]
    fn the_functions_that_report_have_these_names() {
        let source = include_str!("../../../../drivers/pci/msi/ownership.c");
        for name in REPORTS {
            assert!(source.contains(&format!("void {name}(")), "{name}");
        }
    }

    #[test]
    fn a_result_that_another_thread_prints_within_a_warning_is_none_of_its_lines() {
        let log = "[ 1.0][   T12] edu 0000:00:01.0: irq vectors: allocation refused\n\
                   [ 1.0][   T12] ------------[ cut here ]------------\n\
                   [ 1.0][   T12] WARNING: at pci_irq_vectors_report+0x1/0x2\n\
                   [ 1.0][    T7]     ok 4 storm\n\
                   [ 1.0][    C1] BUG: KASAN: slab-use-after-free in f+0x1/0x2\n\
                   [ 1.0][   T12] ---[ end trace 0000000000000000 ]---\n";
        let mut lines = lines(log.as_bytes());
        comment_additions(&mut lines, &[]);
        let left: Vec<_> = lines.iter().filter(|l| !l.text.starts_with('#')).collect();
        assert_eq!(left[1].text, "    ok 4 storm");
        assert!(Trouble::except(&[]).is(left[2]));
        assert_eq!(left.len(), 3);
    }

    #[test]
    fn a_line_that_was_printed_in_part_is_not_there() {
        let log = "[ 1.0] before\n[ 1.0] -----\n** replaying previous printk message **\n[ 1.0] -----[ cut here ]\n";
        let texts: Vec<_> = lines(log.as_bytes()).into_iter().map(|l| l.text).collect();
        assert_eq!(texts, ["before", "-----[ cut here ]"]);
    }
}
