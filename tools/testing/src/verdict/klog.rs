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

/// A mark that one CPU took the console over from another in the middle of a line, which is then printed again.
const REPLAYING: &str = "** replaying previous printk message **";

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
        if line.text == REPLAYING {
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
            let reported = at > 0 && text(at - 1).contains(REPORT);
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

/// The beginning of a report on ownership, after its driver and its device.
const REPORT: &str = ": irq vectors: ";

/// Finds lines that report a fault.
pub struct Trouble<'a> {
    signs: RegexSet,
    provoked: &'a [&'a str],
}

impl<'a> Trouble<'a> {
    /// Finds every report of a kernel with or without debugging options, except for lines with one of the texts in `provoked`.
    pub fn except(provoked: &'a [&'a str]) -> Self {
        let signs = RegexSet::new(&MEANING.trouble).expect("constant expressions");
        Self { signs, provoked }
    }

    /// Finds nothing.
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
        let broken = [
            "------------[ cut here ]------------",
            "WARNING: CPU: 1 PID: 42 at fs/proc/generic.c:750 remove_proc_entry+0x1/0x2",
            "WARNING: kernel/irq/irqdomain.c:408 at irq_domain_remove+0x1/0x2, CPU#0: sh/1",
            "BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "Oops: Oops: 0000 [#1] SMP",
            "Call Trace:",
            "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
            "remove_proc_entry: removing non-empty directory 'irq/25', leaking at least 'edu'",
            "BUG: KASAN: slab-use-after-free in msi_get_virq+0x1/0x2",
            "WARNING: possible circular locking dependency detected",
            "Trying to free already-free IRQ 25",
            "resource: Trying to free nonexistent resource <0x00000000fea00000-0x00000000feafffff>",
            "__common_interrupt: 1.35 No irq handler for vector",
            "edu 0000:00:01.0: irq vectors: MSI vectors leaked by the driver, freed by devres",
            "rust_kernel: panicked at drivers/pci/devres_rust.rs:1:2:",
            "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
            "Kernel panic - not syncing: Attempted to kill init!",
        ];
        // What a driver or a script says is not.
        let said = [
            "rust_driver_pci_managed 0000:00:02.0: vectors live at detach: refused",
            "# WARNING: seen in the log of another test",
            "Spectre V2 : WARNING: Unprivileged eBPF is enabled",
            "ok 1 refuses_a_second_allocation",
            "genirq: Flags mismatch irq 24. 00200000 (a) vs. 00200000 (b)",
            "kmemleak: Kernel memory leak detector initialized (mem pool available: 14720)",
            "ACPI BIOS Error (bug): Could not resolve symbol",
        ];
        for (texts, expected) in [(&broken[..], true), (&said, false)] {
            for text in texts {
                let log = format!("[    1.000000] {text}\r\n");
                assert_eq!(Trouble::except(&[]).is(&lines(log.as_bytes())[0]), expected, "{text}");
            }
        }
    }

    #[test]
    fn only_the_warning_of_a_report_is_a_comment() {
        let report = "edu 0000:00:01.0: irq vectors: free refused, handler h is registered on irq 24";
        let warning = |report: &str, place: &str| {
            let text = format!(
                "{report}\n------------[ cut here ]------------\nWARNING: {place}+0x1/0x2\n\
                 Call Trace:\n---[ end trace 0000000000000000 ]---\nBUG: after it\n"
            );
            let mut lines = lines(text.as_bytes());
            comment_additions(&mut lines, &[]);
            let trouble = Trouble::except(&[": irq vectors: "]);
            lines.iter().filter(|line| trouble.is(line)).count()
        };
        let ours = "drivers/pci/msi/ownership.c:70 at pci_irq_vectors_report";
        assert_eq!(warning(report, ours), 1);
        assert_eq!(warning(report, "at pci_irq_handler_report_leaked"), 1);
        assert_eq!(warning(report, "kernel/irq/manage.c:70 at free_irq"), 4);
        assert_eq!(warning("something else", ours), 4);
    }

    #[test]
    fn the_functions_that_report_have_these_names() {
        let source = include_str!("../../../../drivers/pci/msi/ownership.c");
        for name in REPORTS {
            assert!(source.contains(&format!("void {name}(")), "{name}");
        }
    }

    #[test]
    fn only_the_warning_of_a_tolerated_function_is_a_comment() {
        let text = "--[ cut here ]--\nname 'spurious'\nWARNING: fs/proc/generic.c:1 at remove_proc_entry+0x1\nCall Trace:\n\
                    ---[ end trace 0 ]---\n--[ cut here ]--\nWARNING: a.c:1 at b+0x1\nCall Trace:\n---[ end trace 0 ]---\n";
        let mut lines = lines(text.as_bytes());
        comment_additions(&mut lines, &["remove_proc_entry"]);
        let trouble = Trouble::except(&[]);
        let left: Vec<_> = lines.iter().filter(|line| trouble.is(line)).map(|line| line.text.as_str()).collect();
        assert_eq!(left, ["--[ cut here ]--", "WARNING: a.c:1 at b+0x1", "Call Trace:"]);
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

    #[test]
    fn the_stack_of_a_refused_handler_is_a_comment() {
        let text = "genirq: Flags mismatch irq 24. 00200000 (a) vs. 00200000 (b)\nCPU: 1\nCall Trace:\n <TASK>\n \
                    </TASK>\nCall Trace:\n";
        let mut lines = lines(text.as_bytes());
        comment_additions(&mut lines, &[]);
        let trouble = Trouble::except(&[]);
        assert_eq!(lines.iter().filter(|line| trouble.is(line)).count(), 1);
    }
}
