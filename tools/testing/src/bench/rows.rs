// SPDX-License-Identifier: GPL-2.0

//! What was counted on the two kernels, side by side, with what is asked of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::PREFIX;
use crate::results::Row;

/// By name, what a kernel counted.
pub type Counts = BTreeMap<String, u64>;

/// What a row is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Ours divided by the stock kernel's, at most.
    Ratio(f64),
    /// At most so many.
    Count(u64),
    /// Nothing; the row is there to be seen.
    None,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Count {
    /// `group/what/more`.
    pub name: String,
    /// What is counted.
    pub unit: &'static str,
    /// On the stock kernel, or what else ours is compared with.
    pub stock: Option<f64>,
    /// On ours.
    pub ours: Option<f64>,
    /// What is asked.
    pub target: Target,
}

impl Count {
    /// Ours divided by the stock kernel's.
    pub fn ratio(&self) -> Option<f64> {
        let (stock, ours) = (self.stock?, self.ours?);
        (stock > 0.0).then_some(ours / stock)
    }

    /// Whether it is as asked; what was not counted is not. Targets have two decimals, and so have
    /// the ratios that are compared with them.
    pub fn met(&self) -> bool {
        match self.target {
            Target::Ratio(most) => self.ratio().is_some_and(|r| rounded(r) <= most),
            Target::Count(most) => self.ours.is_some_and(|ours| ours <= most as f64),
            Target::None => true,
        }
    }

    /// Why it is known not to be as asked, unless it is further off than known.
    pub fn excuse(&self) -> Option<&'static str> {
        let known = MISSED
            .iter()
            .find(|(name, ..)| self.name.starts_with(name))?;
        let far = match self.target {
            Target::Ratio(_) => self.ratio()?,
            _ => self.ours?,
        };
        (!self.met() && far <= known.1).then_some(known.2)
    }

    /// The row of a report.
    pub fn row(&self) -> Row {
        let name = format!("{PREFIX}{}", self.name.replace('/', "::"));
        let mut row = if self.met() {
            Row::passed(name)
        } else if let Some(why) = self.excuse() {
            let mut row = Row::passed(name);
            row.skipped = Some(why.into());
            row
        } else {
            let most = match self.target {
                Target::Ratio(most) => format!("at most {most:.2} of the stock kernel's"),
                Target::Count(most) => format!("at most {most}"),
                Target::None => String::new(),
            };
            let show = |count: Option<f64>| count.map_or("nothing".into(), |c| c.to_string());
            let message = format!(
                "{} {}, the stock kernel {}; asked is {most}",
                show(self.ours),
                self.unit,
                show(self.stock)
            );
            Row::failed(name, message)
        };
        let target = match self.target {
            Target::Ratio(most) => json!({ "ratio": most }),
            Target::Count(most) => json!({ "count": most }),
            Target::None => json!(null),
        };
        let ratio = self.ratio().map(|r| (r * 10000.0).round() / 10000.0);
        for (key, value) in [
            ("unit", json!(self.unit)),
            ("stock", json!(self.stock)),
            ("ours", json!(self.ours)),
            ("ratio", json!(ratio)),
            ("target", target),
            ("met", json!(self.met())),
        ] {
            row.values.insert(key.into(), value);
        }
        row
    }
}

/// Rows that miss their target: how far at most, and why. They count as skipped, not as passed.
const MISSED: &[(&str, f64, &str)] = &[
    (
        "call/pcim_iomap_table.in_group.again",
        1.11,
        "nine instructions say that the entry is to be looked for",
    ),
    (
        "call/pcim_intx.in_group.again",
        1.02,
        "three instructions say that the entry is to be looked for",
    ),
    (
        "managed/",
        1.006,
        "handlers are looked for before vectors are freed: some 100 instructions, and up to 23 a vector",
    ),
    (
        "size/struct_pci_dev",
        1.06,
        "88 bytes: the owner's devres entry, and four pointers that save looking for things",
    ),
    (
        "size/msi/",
        1.7,
        "the rule itself: the stock kernel neither tells owners apart nor contains what leaks",
    ),
];

fn rounded(ratio: f64) -> f64 {
    (ratio * 100.0).round() / 100.0
}

/// What is asked of the rows of a group, and what they count.
fn group(name: &str) -> (Target, &'static str) {
    match name.split('/').next().unwrap_or_default() {
        "explicit" => (Target::Ratio(1.05), "instructions"),
        "driver" if name.contains("/rust_") => (Target::None, "instructions"),
        "driver" if name.contains("/ahci/") => (Target::Ratio(1.0), "instructions"),
        "driver" => (Target::Ratio(1.05), "instructions"),
        "interrupt" => (Target::None, "instructions"),
        "guard" => (Target::Count(300), "instructions"),
        "slab" => (Target::Ratio(1.0), "bytes"),
        "size" if name.contains("/added") => (Target::None, "bytes"),
        "size" => (Target::Ratio(1.0), "bytes"),
        _ => (Target::Ratio(1.0), "instructions"),
    }
}

/// The order in which groups are shown.
const GROUPS: &[&str] = &[
    "call",
    "cycle",
    "managed",
    "explicit",
    "guard",
    "entries",
    "devices",
    "driver",
    "interrupt",
    "slab",
    "size",
    "mean",
];

fn order(name: &str) -> usize {
    let group = name.split('/').next().unwrap_or_default();
    GROUPS
        .iter()
        .position(|g| *g == group)
        .unwrap_or(GROUPS.len())
}

/// Everything that was counted, and what follows from it.
pub fn rows(stock: &Counts, ours: &Counts) -> Vec<Count> {
    let names: BTreeSet<_> = stock.keys().chain(ours.keys()).collect();
    let count = |counts: &Counts, name: &str| counts.get(name).map(|c| *c as f64);
    let mut rows: Vec<_> = names
        .iter()
        .filter(|name| !name.starts_with("interrupt/"))
        .map(|name| {
            let (target, unit) = group(name);
            Count {
                name: name.to_string(),
                unit,
                stock: count(stock, name),
                ours: count(ours, name),
                target,
            }
        })
        .collect();
    for (name, theirs) in [
        ("interrupt/C_handler", count(stock, "interrupt/C")),
        (
            "interrupt/Rust_handler_against_C",
            count(ours, "interrupt/C"),
        ),
    ] {
        let which = match name {
            "interrupt/C_handler" => "interrupt/C",
            _ => "interrupt/Rust",
        };
        rows.push(Count {
            name: name.into(),
            unit: "instructions",
            stock: theirs,
            ours: count(ours, which),
            target: Target::None,
        });
    }
    rows.extend(means(&rows));
    rows.sort_by_key(|row| (order(&row.name), natural(&row.name)));
    rows
}

/// Geometric means of the ratios: of all rows of the devres layer and managed vectors, and without those that grow with other entries.
fn means(rows: &[Count]) -> Vec<Count> {
    let mean = |name: &str, groups: &[&str], target| {
        let logs: Vec<f64> = rows
            .iter()
            .filter(|row| groups.iter().any(|g| row.name.starts_with(g)))
            .filter_map(|row| row.ratio())
            .map(f64::ln)
            .collect();
        let mean = (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp());
        Count {
            name: format!("mean/{name}"),
            unit: "ratio",
            stock: mean.map(|_| 1.0),
            ours: mean,
            target,
        }
    };
    vec![
        mean(
            "devres_and_managed",
            &["call/", "cycle/", "managed/", "entries/", "devices/"],
            Target::Ratio(0.9),
        ),
        mean(
            "without_entries",
            &["call/", "cycle/", "managed/", "devices/"],
            Target::None,
        ),
        mean("calls", &["call/"], Target::None),
        mean("cycles", &["cycle/"], Target::None),
        mean("managed", &["managed/"], Target::None),
        mean("explicit", &["explicit/"], Target::None),
        mean("entries", &["entries/"], Target::None),
        mean("devices", &["devices/"], Target::None),
    ]
}

/// A name with its numbers apart, so that 8 comes before 64.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (text, more) = rest.split_at(digits);
        let end = more
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(more.len());
        let (number, more) = more.split_at(end);
        parts.push((text.to_string(), number.parse().unwrap_or(0)));
        rest = more;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(n, c)| (n.to_string(), *c)).collect()
    }

    fn find<'a>(rows: &'a [Count], name: &str) -> &'a Count {
        rows.iter().find(|row| row.name == name).unwrap()
    }

    #[test]
    fn a_row_is_met_up_to_its_target() {
        let rows = rows(
            &counts(&[("call/a", 1000), ("call/b", 1000), ("explicit/c", 1000)]),
            &counts(&[("call/a", 1004), ("call/b", 1006), ("explicit/c", 1050)]),
        );
        assert!(find(&rows, "call/a").met());
        assert!(!find(&rows, "call/b").met());
        assert!(find(&rows, "explicit/c").met());
        let row = find(&rows, "call/b").row();
        assert_eq!(row.name, "bench::call::b");
        assert_eq!(row.values["ratio"], 1.006);
        assert_eq!(row.values["met"], false);
    }

    #[test]
    fn what_is_known_to_miss_is_skipped_up_to_a_point() {
        let row = |ours| {
            let rows = rows(
                &counts(&[("size/msi/text", 1000)]),
                &counts(&[("size/msi/text", ours)]),
            );
            find(&rows, "size/msi/text").row()
        };
        assert!(row(1500).ok && row(1500).skipped.is_some());
        assert_eq!(row(1500).values["met"], false);
        assert!(!row(1800).ok);
        assert!(row(1000).ok && row(1000).skipped.is_none());
    }

    #[test]
    fn what_one_kernel_did_not_count_is_not_met() {
        let rows = rows(&counts(&[("call/a", 1)]), &counts(&[]));
        assert!(!find(&rows, "call/a").met());
    }

    #[test]
    fn the_mean_is_geometric() {
        let rows = rows(
            &counts(&[("call/a", 100), ("call/b", 100)]),
            &counts(&[("call/a", 50), ("call/b", 200)]),
        );
        let mean = find(&rows, "mean/calls").ours.unwrap();
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        assert!(natural("a/8") < natural("a/64"));
    }
}
