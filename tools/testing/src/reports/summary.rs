// SPDX-License-Identifier: GPL-2.0

//! The summary of a run: how many behaviours of each area were tested, which guests took longest, what was skipped,
//! and what failed.

use crate::{common::*, verdict::*};

/// The numbers of an area, or of a run.
pub const NUMBERS: [&str; 4] = ["behaviours", "passed", "failed", "skipped"];

pub struct Summary<'a> {
    /// The [`NUMBERS`] of each area. A behaviour counts once, whatever the kernels that it was tested on.
    pub areas: BTreeMap<&'static str, [usize; NUMBERS.len()]>,
    /// The guests that took longest, the slowest first, with their seconds.
    pub slowest: Vec<(&'a str, f64)>,
    /// The skipped tests, with the reasons.
    pub skipped: Vec<(&'a str, &'a str)>,
}

impl<'a> Summary<'a> {
    pub fn new(rows: &'a [Row]) -> Self {
        let mut areas = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let kernel = regex("@[^:]*");
        for row in rows {
            let area = MEANING.areas.iter().find(|(beginning, _)| row.name.starts_with(beginning)).map_or("host", |(_, area)| area);
            let [behaviours, passed, failed, skipped] = areas.entry(area).or_default();
            *behaviours += usize::from(seen.insert(kernel.replace_all(&row.name, "")));
            *match row.result() {
                "failed" => failed,
                "skipped" => skipped,
                _ => passed,
            } += 1;
        }
        let guest = |row: &'a Row| Some((row.name.strip_suffix("::boot")?, row.seconds?));
        let mut slowest: Vec<_> = rows.iter().filter_map(guest).collect();
        slowest.sort_by(|a, b| b.1.total_cmp(&a.1));
        slowest.truncate(5);
        let skipped = |row: &'a Row| Some((row.name.as_str(), row.skipped.as_deref()?));
        Self { areas, slowest, skipped: rows.iter().filter_map(skipped).collect() }
    }
}

pub fn text(rows: &[Row], took: Duration) -> String {
    let summary = Summary::new(rows);
    let line = |name: &str, numbers: [String; NUMBERS.len()]| {
        let [behaviours, others @ ..] = numbers;
        let others = others.map(|number| format!(" {number:>8}")).concat();
        format!("{name:12} {behaviours:>10}{others}\n")
    };
    let mut text = line("area", NUMBERS.map(String::from));
    let mut all = [0; NUMBERS.len()];
    for (name, numbers) in &summary.areas {
        text += &line(name, numbers.map(|number| number.to_string()));
        all.iter_mut().zip(numbers).for_each(|(sum, n)| *sum += n);
    }
    text += &line("all", all.map(|number| number.to_string()));
    for (name, seconds) in &summary.slowest {
        let took = elapsed(Duration::from_secs_f64(*seconds));
        text += &format!("slow    {took:>9}  {name}\n");
    }
    for (name, why) in &summary.skipped {
        text += &format!("skipped {name}: {why}\n");
    }
    text += &format!("all of it took {}\n", elapsed(took));
    // The list of failures above the summary has all of them.
    for row in rows.iter().filter(|row| !row.ok).take(3) {
        text += &format!("failed  {}\n", row.name);
        text.extend(row.message.lines().take(6).map(|line| format!("        {line}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_behaviour_counts_once_on_all_its_kernels() {
        let rows = [
            Row::passed("guest::devres@stock::a"),
            Row::passed("guest::devres::a"),
            Row::failed("guest::races::b", "why"),
            Row::passed("guest::races::boot").took(Duration::from_secs(70)),
            Row::passed("host::graft::c"),
        ];
        let summary = Summary::new(&rows);
        assert_eq!(summary.areas["devres"], [1, 2, 0, 0]);
        assert_eq!(summary.areas["ownership"], [2, 1, 1, 0]);
        assert_eq!(summary.areas["host"], [1, 1, 0, 0]);
        assert_eq!(summary.slowest, [("guest::races", 70.0)]);
        let text = text(&rows, Duration::from_secs(1));
        assert!(text.contains("slow     1:10 min  guest::races\n"), "{text}");
        assert!(text.ends_with("failed  guest::races::b\n        why\n"));
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
