// SPDX-License-Identifier: GPL-2.0

//! The summary of a run: how many behaviours of each area were tested, which guests took longest, and what was
//! skipped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use crate::{common::ui::elapsed, verdict::row::Row};

/// The number of slowest guests that are named.
const SLOWEST: usize = 5;

/// The areas, by the beginning of the tests' names. The first one that matches counts.
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

/// The summary of a run.
pub struct Summary<'a> {
    /// For each area.
    pub areas: BTreeMap<&'static str, Area>,
    /// The guests that took longest, the slowest first, with their seconds.
    pub slowest: Vec<(&'a str, f64)>,
    /// The skipped tests, with the reasons.
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

/// Returns a name without the kernel on which the test ran.
fn behaviour(name: &str) -> String {
    let parts = name.split("::");
    let parts = parts.map(|part| part.split('@').next().unwrap_or_default());
    parts.collect::<Vec<_>>().join("::")
}

impl<'a> Summary<'a> {
    /// Returns the summary of these rows.
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

/// Returns the text for the terminal.
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
