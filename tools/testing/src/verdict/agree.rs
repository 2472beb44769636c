// SPDX-License-Identifier: GPL-2.0

//! Compares the logs of a guest on two kernels: the lines between `compare: begin NAME` and `compare: end NAME` must be the
//! same on both.

use similar::TextDiff;

use crate::{common::*, verdict::Row};

/// The log of a guest on one kernel.
pub struct Side<'a> {
    /// The guest's name, with its kernel's.
    pub name: String,
    /// Its lines without time stamps.
    pub text: &'a str,
    /// The path of the log, for messages.
    pub log: String,
}

/// Compares the blocks of two logs of `guest`. Returns a row for each, and one more if there are fewer than `due`.
pub fn compare(guest: &str, due: usize, theirs: &Side<'_>, ours: &Side<'_>) -> Vec<Row> {
    let (a, b) = (blocks(theirs.text), blocks(ours.text));
    let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let mut rows = Vec::new();
    for name in &names {
        let title = format!("guest::{guest}::agrees::{name}");
        let logs = format!("logs: {} {}", theirs.log, ours.log);
        rows.push(match (a.get(*name), b.get(*name)) {
            (Some(x), Some(y)) if x.whole && y.whole && x.text == y.text => {
                Row::passed(title).with("lines", x.text.lines().count())
            }
            (Some(x), Some(y)) if x.whole && y.whole => {
                let shown = difference(40, 2, (&theirs.name, &x.text), (&ours.name, &y.text));
                Row::failed(title, format!("the logs differ\n{shown}{logs}"))
            }
            (x, y) => {
                let state = |block: Option<&Block>| match block {
                    Some(block) if block.whole => "is whole",
                    Some(_) => "has no end",
                    None => "is missing",
                };
                let (x, y, theirs, ours) = (state(x), state(y), &theirs.name, &ours.name);
                Row::failed(title, format!("the block {x} in the log of {theirs}, and {y} in that of {ours}\n{logs}"))
            }
        });
    }
    if names.len() < due {
        rows.push(Row::failed(format!("guest::{guest}::agrees"), format!("{} blocks to compare, at least {due} due", names.len())));
    }
    rows
}

#[derive(Default)]
struct Block {
    text: String,
    whole: bool,
}

fn blocks(text: &str) -> BTreeMap<String, Block> {
    let marker = regex(r"(?:^|\s)compare: (begin|end) (\S+)$");
    let address = regex(r"\b(0x)?[0-9a-f]{16}\b");
    // Messages that the kernel prints at any time, whatever the guest does.
    let aside =
        regex(r"^(random: crng|clocksource: |sched_clock: |perf: interrupt took|hrtimer: interrupt took|workqueue: .* hogged CPU)");
    let mut blocks: BTreeMap<String, Block> = BTreeMap::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if let Some(found) = marker.captures(line) {
            let name = found[2].to_string();
            let block = blocks.entry(name.clone()).or_default();
            // A block that begins before the last one has ended leaves that without an end.
            block.whole = &found[1] == "end" && open.as_ref() == Some(&name);
            open = (&found[1] == "begin").then_some(name);
        } else if let Some(block) = open.as_ref().and_then(|name| blocks.get_mut(name)) {
            if !aside.is_match(line) {
                block.text += &address.replace_all(line, "<address>");
                block.text.push('\n');
            }
        }
    }
    blocks
}

/// Returns what differs in two texts, each with its name, in at most so many lines, and so many lines around each difference.
pub fn difference(most: usize, around: usize, a: (&str, &str), b: (&str, &str)) -> String {
    quote_first(most, &TextDiff::from_lines(a.1, b.1).unified_diff().context_radius(around).header(a.0, b.0).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(due: usize, a: &str, b: &str) -> Vec<Row> {
        let side = |name: &str, text| Side { name: name.into(), text, log: "x.log".into() };
        compare("g", due, &side("g@stock", a), &side("g", b))
    }

    #[test]
    fn addresses_and_what_stands_outside_do_not_count() {
        let a = "x\ncompare: begin a\nADD ffff888001234560\n compare: end a\ny\n";
        let rows = compared(1, a, "compare: begin a\nrandom: crng init done\nADD ffff888007654320\n# compare: end a\n");
        assert_eq!(rows.len(), 1);
        assert!(rows[0].ok, "{}", rows[0].message);
        assert_eq!(rows[0].name, "guest::g::agrees::a");
    }

    #[test]
    fn a_block_must_be_the_same_and_end_on_both() {
        let (one, two) = ("compare: begin a\none\ncompare: end a\n", "compare: begin a\ntwo\ncompare: end a\n");
        let whole = "compare: begin a\ncompare: end a\n";
        let cases: [(&str, &str, &[&str]); 5] = [
            (one, two, &["--- g@stock", "+++ g", "-one", "+two", "x.log"]),
            (whole, "", &["is whole in the log of g@stock, and is missing"]),
            ("", whole, &["is missing in the log of g@stock"]),
            ("compare: begin a\n", "compare: begin a\n", &["has no end"]),
            ("compare: begin a\ncompare: begin b\ncompare: end a\n", whole, &["has no end"]),
        ];
        for (a, b, parts) in cases {
            let rows = compared(1, a, b);
            assert!(!rows[0].ok);
            parts.iter().for_each(|part| assert!(rows[0].message.contains(part), "{}", rows[0].message));
        }
    }

    #[test]
    fn nothing_to_compare_is_a_failure_where_something_is_due() {
        assert!(compared(0, "", "").is_empty());
        assert!(!compared(1, "", "")[0].ok);
    }
}
