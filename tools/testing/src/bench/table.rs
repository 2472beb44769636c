// SPDX-License-Identifier: GPL-2.0

//! The rows as one table.

use comfy_table::CellAlignment;

use super::rows::{Count, Target};
use crate::{
    common::{text, *},
    reports::rst,
};

const HEAD: [&str; 6] = ["row", "stock", "ours", "ratio", "target", "verdict"];

/// A table for a terminal.
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
    let target = match count.target {
        Some(Target::Ratio(most)) => format!("<= {most:.2}"),
        Some(Target::More(most)) => format!("<= +{most}"),
        None => String::new(),
    };
    let verdict = match (count.target, count.met()) {
        (None, _) => "",
        (_, true) => "met",
        (_, false) => "NOT MET",
    };
    [count.name.clone(), number(count.stock), number(count.ours), ratio, target, verdict.into()]
}

/// A table for documentation.
pub fn rst(counts: &[Count]) -> String {
    let lines: Vec<_> = [HEAD.map(String::from)].into_iter().chain(counts.iter().map(cells)).map(Vec::from).collect();
    format!(".. SPDX-License-Identifier: GPL-2.0\n.. Written by make bench.\n\n{}", rst::table(&lines))
}
