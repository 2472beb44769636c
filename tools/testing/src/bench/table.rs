// SPDX-License-Identifier: GPL-2.0

//! The rows as one table.

use comfy_table::{
    presets::NOTHING,
    CellAlignment, ContentArrangement,
    TableComponent::{
        BottomBorder, BottomBorderIntersections, HeaderLines, MiddleHeaderIntersections, TopBorder, TopBorderIntersections,
        VerticalLines,
    },
};

use super::rows::{Count, Target};
use crate::common::{text, *};

/// A table for a terminal.
pub fn table(counts: &[Count]) -> Table {
    let mut table = text::table(["row", "stock", "ours", "ratio", "target", "verdict"]);
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

/// A table for documentation, in reStructuredText.
pub fn rst(counts: &[Count]) -> String {
    let mut table = table(counts);
    table.load_preset(NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    for line in [TopBorder, HeaderLines, BottomBorder] {
        table.set_style(line, '=');
    }
    for gap in [TopBorderIntersections, MiddleHeaderIntersections, BottomBorderIntersections, VerticalLines] {
        table.set_style(gap, ' ');
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    format!(".. SPDX-License-Identifier: GPL-2.0\n.. Written by make bench.\n\n{}\n", table.trim_fmt())
}
