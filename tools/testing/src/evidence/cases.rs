// SPDX-License-Identifier: GPL-2.0

//! The table of the cases, `tools/testing/evidence.toml`.

use crate::{common::*, guest::*, kernel::Kernel};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The facts that a log can show, by name: one of the lines matches the expression.
    #[serde(borrow)]
    pub seen: BTreeMap<&'static str, &'static str>,
    /// The cases, in the order of the report.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// One driver, and what happens with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: &'static str,
    pub does: &'static str,
    pub source: &'static str,
    /// What its guest does. A case without steps is for the compiler.
    pub steps: Option<&'static str>,
    /// The device that it is about, and all of QEMU. QEMU's teaching device is meant if there are none.
    device: Option<&'static str>,
    devices: Option<Vec<&'static str>>,
    #[serde(default)]
    append: Vec<&'static str>,
    stock: Option<Shows>,
    earlier: Option<Shows>,
    ours: Shows,
}

/// The names of the facts that a log must show.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shows {
    Breaks(#[serde(borrow)] Vec<&'static str>),
    Clean(#[serde(borrow)] Vec<&'static str>),
}

/// What is expected of a case on one kernel.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub case: &'static Case,
    pub kernel: Kernel,
    /// The names of the facts that the log must show.
    pub shows: &'static [&'static str],
    /// Whether nothing else may report a fault.
    pub clean: bool,
}

pub static TABLE: LazyLock<Table> = LazyLock::new(|| data(include_str!("../../evidence.toml")));

impl Case {
    /// Returns what is expected of the other kernel, and of ours.
    pub fn sides(&'static self) -> impl Iterator<Item = Side> {
        let stock = self.stock.iter().map(|shows| (Kernel::Stock, shows));
        stock.chain(self.earlier.iter().map(|shows| (Kernel::Earlier, shows))).chain([(Kernel::Ours, &self.ours)]).map(
            move |(kernel, shows)| {
                let (Shows::Breaks(names) | Shows::Clean(names)) = shows;
                Side { case: self, kernel, shows: names, clean: matches!(shows, Shows::Clean(_)) }
            },
        )
    }

    /// Returns the guest that takes the steps.
    pub fn guest(&'static self) -> Option<&'static GuestSpec> {
        let device = self.device.unwrap_or("1234:11e8");
        let words = ["kunit.enable=0", "oops=panic", format!("steps={}", self.steps?).leak(), format!("device={device}").leak()];
        let guest = GuestSpec {
            append: [&words, &*self.append].concat().leak(),
            devices: self.devices.as_deref().unwrap_or(&[EDU]),
            kernels: &[Kernel::Stock, Kernel::Earlier, Kernel::Ours],
            // The case says what must not be reported.
            trouble_due: &[Kernel::Stock, Kernel::Earlier, Kernel::Ours],
            script: "evidence",
            documents: 0,
            ..DEFAULT
        };
        Some(guest.named(format!("evidence::{}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_can_be_told_apart_and_name_the_facts_of_the_table() {
        let sides: Vec<_> = TABLE.cases.iter().flat_map(Case::sides).collect();
        let names: BTreeSet<_> = TABLE.cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), TABLE.cases.len());
        assert_eq!(sides.len(), 2 * names.len());
        let named: BTreeSet<_> = sides.iter().flat_map(|side| side.shows).copied().collect();
        assert_eq!(named, TABLE.seen.keys().copied().collect());
        TABLE.seen.values().copied().for_each(|expression| {
            regex(expression);
        });
        assert!(sides.iter().all(|side| !side.shows.is_empty()));
    }
}
