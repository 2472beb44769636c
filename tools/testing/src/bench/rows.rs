// SPDX-License-Identifier: GPL-2.0

//! The counts of the two kernels, side by side, with their targets, and as one table.

use comfy_table::CellAlignment;
use regex::Captures;
use serde_json::json;

use super::PREFIX;
use crate::{common::*, reports::rst, verdict::Row};

/// The counts of a kernel, by name.
pub type Counts = BTreeMap<String, u64>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Ours divided by the stock kernel's, at most.
    Ratio(f64),
    /// Ours is at most so much more.
    More(u64),
}

pub struct Count {
    /// `group/what/more`.
    pub name: String,
    pub group: &'static Group,
    /// The count on the stock kernel. Rust on ours is compared with C there.
    pub stock: Option<f64>,
    pub ours: Option<f64>,
}

impl Count {
    pub fn ratio(&self) -> Option<f64> {
        let (stock, ours) = (self.stock?, self.ours?);
        (stock > 0.0).then_some(ours / stock)
    }

    /// Returns whether the row meets its target. A row that was not counted does not. Targets have two decimals, and so have the
    /// ratios that are compared with them.
    pub fn met(&self) -> bool {
        let both = self.stock.zip(self.ours);
        match self.group.target {
            Some(Target::Ratio(most)) => self.ratio().is_some_and(|r| (r * 100.0).round() / 100.0 <= most),
            Some(Target::More(most)) => both.is_some_and(|(a, b)| b <= a + most as f64),
            None => true,
        }
    }

    pub fn row(&self) -> Row {
        let name = format!("{PREFIX}{}", self.name.replace('/', "::"));
        let show = |count: Option<f64>| count.map_or("nothing".into(), |c| c.to_string());
        let Group { unit, target, .. } = self.group;
        let most = match target {
            Some(Target::Ratio(most)) => format!("at most {most:.2} of the stock kernel's"),
            Some(Target::More(most)) => format!("at most {most} more"),
            None => String::new(),
        };
        let ratio = self.ratio().map(|r| (r * 10000.0).round() / 10000.0);
        let row = Row::judged(name, self.met(), || {
            let (ours, stock) = (show(self.ours), show(self.stock));
            format!("{ours} {unit}, the stock kernel {stock}; asked is {most}")
        });
        let row = row.with("unit", *unit).with("stock", self.stock).with("ours", self.ours);
        row.with("ratio", ratio).with("target", json!(target)).with("met", self.met())
    }
}

/// The file `tools/testing/bench.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    group: Vec<Group>,
    #[serde(borrow)]
    pub curve: Vec<[&'static str; 3]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    name: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// A row without a target is only shown.
    pub target: Option<Target>,
}

pub static COUNTED: LazyLock<Counted> = LazyLock::new(|| data(include_str!("../../bench.toml")));

fn place(name: &str) -> usize {
    COUNTED.group.iter().position(|group| name.starts_with(group.name)).expect("every row belongs to a group")
}

/// Returns a row for everything that was counted. C on the stock kernel against Rust on ours is a row of its own.
pub fn rows(stock: &Counts, ours: &Counts) -> Vec<Count> {
    let row = |name: &str, stock_name: &str| {
        let count = |counts: &Counts, name: &str| counts.get(name).map(|c| *c as f64);
        Count { name: name.into(), group: &COUNTED.group[place(name)], stock: count(stock, stock_name), ours: count(ours, name) }
    };
    let rust = |name: &str| name.replace("/Rust", "/C");
    let names: BTreeSet<_> = stock.keys().chain(ours.keys()).cloned().collect();
    let in_rust = names.iter().filter(|name| name.split('/').any(|part| part == "C"));
    let names: BTreeSet<_> = in_rust.map(|name| name.replace("/C", "/Rust")).chain(names.iter().cloned()).collect();
    let mut rows: Vec<_> = names.iter().map(|name| row(name, &rust(name))).collect();
    rows.sort_by_key(|row| (place(&row.name), natural(&row.name)));
    rows
}

/// Returns a name whose numbers have leading zeros, so that 8 comes before 64.
fn natural(name: &str) -> String {
    regex(r"\d+").replace_all(name, |found: &Captures<'_>| format!("{:0>20}", &found[0])).into_owned()
}

const HEAD: [&str; 6] = ["row", "stock", "ours", "ratio", "target", "verdict"];

pub fn table(counts: &[Count]) -> Table {
    let mut table = text::table(HEAD);
    table.add_rows(counts.iter().map(cells));
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(count: &Count) -> [String; 6] {
    let number = |n: Option<f64>| n.map_or("-".into(), |n| n.to_string());
    let ratio = count.ratio().map_or("-".into(), |r| format!("{r:.3}"));
    let target = match count.group.target {
        Some(Target::Ratio(most)) => format!("<= {most:.2}"),
        Some(Target::More(most)) => format!("<= +{most}"),
        None => String::new(),
    };
    let verdict = match (&count.group.target, count.met()) {
        (None, _) => "",
        (_, true) => "met",
        (_, false) => "NOT MET",
    };
    [count.name.clone(), number(count.stock), number(count.ours), ratio, target, verdict.into()]
}

pub fn rst(counts: &[Count]) -> String {
    let lines: Vec<_> = [HEAD.map(String::from)].into_iter().chain(counts.iter().map(cells)).map(Vec::from).collect();
    format!(".. SPDX-License-Identifier: GPL-2.0\n.. Written by make bench.\n\n{}", rst::table(&lines))
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
        for (name, stock, ours, met) in [
            ("call/a", 1000, 1004, true),
            ("call/b", 1000, 1006, false),
            ("explicit/c", 1000, 1024, true),
            // A field may be added.
            ("size/struct_pci_dev", 1912, 1920, true),
            ("size/struct_pci_dev", 1912, 1921, false),
        ] {
            let rows = rows(&counts(&[(name, stock)]), &counts(&[(name, ours)]));
            assert_eq!(find(&rows, name).met(), met, "{name}");
        }
        let of = |call, size| counts(&[("call/b", call), ("size/struct_pci_dev", size)]);
        let rows = rows(&of(1000, 1), &of(1006, 10));
        let row = find(&rows, "call/b").row();
        assert_eq!(row.name, "bench::call::b");
        assert_eq!(row.values["ratio"], 1.006);
        assert_eq!(row.values["met"], false);
        assert!(find(&rows, "size/struct_pci_dev").row().message.contains("at most 8 more"));
    }

    #[test]
    fn what_is_done_in_rust_is_compared_with_c() {
        let stock = counts(&[("access/C/read8", 16), ("interrupt/C", 485)]);
        let rows = rows(&stock, &counts(&[("access/C/read8", 16), ("access/Rust/read8", 17)]));
        assert!(find(&rows, "access/C/read8").met());
        assert!(!find(&rows, "access/Rust/read8").met());
        // What one kernel did not count is not met.
        assert!(!find(&rows, "interrupt/Rust").met() && !find(&rows, "interrupt/C").met());
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        assert!(natural("a/8") < natural("a/64"));
    }
}
