// SPDX-License-Identifier: GPL-2.0

//! What a run comes to: how many behaviours of each area were tested, what took longest, and what was left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use crate::{common::ui::elapsed, verdict::row::Row};

/// How many guests are named that took longest.
const SLOWEST: usize = 5;

/// What tests are about, by the beginning of their names; the first that fits counts.
const AREAS: &[(&str, &str)] = &[
    ("guest::devres", "devres"),
    ("guest::sequences", "devres"),
    ("guest::drivers", "drivers"),
    ("guest::controls", "drivers"),
    ("guest::probe_faults", "drivers"),
    ("guest::samples", "API"),
    ("guest::intx", "API"),
    ("guest::msix", "API"),
    ("guest::template", "API"),
    ("guest::misuse", "API"),
    ("guest::faults", "API"),
    ("host::compile-fail", "API"),
    ("host::template", "API"),
    ("host::no-unsafe", "API"),
    ("guest::", "ownership"),
    ("host::evidence", "ownership"),
    ("host::census", "drivers"),
    ("tree::", "drivers"),
    ("", "host"),
];

/// What a run comes to.
pub struct Summary<'a> {
    /// For each area.
    pub areas: BTreeMap<&'static str, Area>,
    /// The guests that took longest, the slowest first, with their seconds.
    pub slowest: Vec<(&'a str, f64)>,
    /// What was skipped, and why.
    pub skipped: Vec<(&'a str, &'a str)>,
}

/// The tests of an area.
#[derive(Default)]
pub struct Area {
    /// How many behaviours there are, whatever the kernels that they were tested on.
    pub behaviours: usize,
    /// How many rows passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were skipped.
    pub skipped: usize,
}

fn area(name: &str) -> &'static str {
    let fits = |(beginning, _): &&(&str, _)| name.starts_with(beginning);
    AREAS.iter().find(fits).map_or("host", |(_, area)| area)
}

/// A name without the kernel that the test ran on.
fn behaviour(name: &str) -> String {
    let parts = name.split("::");
    let parts = parts.map(|part| part.split('@').next().unwrap_or_default());
    parts.collect::<Vec<_>>().join("::")
}

impl<'a> Summary<'a> {
    /// Of these rows.
    pub fn new(rows: &'a [Row]) -> Self {
        let mut areas: BTreeMap<_, Area> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for row in rows {
            let area = areas.entry(area(&row.name)).or_default();
            area.behaviours += usize::from(seen.insert(behaviour(&row.name)));
            match (row.ok, &row.skipped) {
                (false, _) => area.failed += 1,
                (true, None) => area.passed += 1,
                (true, Some(_)) => area.skipped += 1,
            }
        }
        let guest = |row: &'a Row| Some((row.name.strip_suffix("::boot")?, row.seconds?));
        let mut slowest: Vec<_> = rows.iter().filter_map(guest).collect();
        slowest.sort_by(|a, b| b.1.total_cmp(&a.1));
        slowest.truncate(SLOWEST);
        let skipped = |row: &'a Row| Some((row.name.as_str(), row.skipped.as_deref()?));
        Self {
            areas,
            slowest,
            skipped: rows.iter().filter_map(skipped).collect(),
        }
    }
}

/// As the terminal shows it.
pub fn text(rows: &[Row], took: Duration) -> String {
    let summary = Summary::new(rows);
    let mut text = format!(
        "{:12} {:>10} {:>8} {:>8} {:>8}\n",
        "area", "behaviours", "passed", "failed", "skipped"
    );
    let mut line = |name: &str, numbers: [usize; 4]| {
        let [behaviours, passed, failed, skipped] = numbers;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{name:12} {behaviours:>10} {passed:>8} {failed:>8} {skipped:>8}"
        );
    };
    let mut all = [0; 4];
    for (name, area) in &summary.areas {
        let numbers = [area.behaviours, area.passed, area.failed, area.skipped];
        line(name, numbers);
        all.iter_mut().zip(numbers).for_each(|(sum, n)| *sum += n);
    }
    line("all", all);
    for (name, seconds) in &summary.slowest {
        let took = elapsed(Duration::from_secs_f64(*seconds));
        let _ = writeln!(text, "slow    {took:>9}  {name}");
    }
    for (name, why) in &summary.skipped {
        let _ = writeln!(text, "skipped {name}: {why}");
    }
    let _ = writeln!(text, "all of it took {}", elapsed(took));
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
        let devres = &summary.areas["devres"];
        assert_eq!((devres.behaviours, devres.passed), (1, 2));
        assert_eq!(summary.areas["ownership"].failed, 1);
        assert_eq!(summary.areas["host"].passed, 1);
        assert_eq!(summary.slowest, [("guest::races", 70.0)]);
        let text = text(&rows, Duration::from_secs(1));
        assert!(text.contains("slow     1:10 min  guest::races\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
