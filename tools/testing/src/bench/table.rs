// SPDX-License-Identifier: GPL-2.0

//! The rows as one table.

use comfy_table::{presets::UTF8_FULL_CONDENSED, CellAlignment, Table};

use super::rows::{Count, Target};

/// A table for a terminal.
pub fn table(counts: &[Count]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(HEADER);
    for column in 1..=4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for count in counts {
        table.add_row(cells(count));
    }
    table
}

const HEADER: [&str; 6] = ["row", "stock", "ours", "ratio", "target", "verdict"];

fn cells(count: &Count) -> [String; 6] {
    let number = |n: Option<f64>| match n {
        Some(n) if count.unit == "ratio" => format!("{n:.3}"),
        Some(n) => format!("{n}"),
        None => "-".into(),
    };
    let ratio = count.ratio().map_or("-".into(), |r| format!("{r:.3}"));
    let target = match count.target {
        Target::Ratio(most) => format!("<= {most:.2}"),
        Target::Count(most) => format!("<= {most}"),
        Target::None => String::new(),
    };
    let verdict = match count.target {
        Target::None => "",
        _ if count.met() => "met",
        _ => "NOT MET",
    };
    [
        count.name.clone(),
        number(count.stock),
        number(count.ours),
        ratio,
        target,
        verdict.into(),
    ]
}

/// A table for documentation, in reStructuredText.
pub fn rst(counts: &[Count]) -> String {
    let mut rows = vec![HEADER.map(String::from)];
    rows.extend(counts.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let rule = widths.map(|width| "=".repeat(width)).join(" ") + "\n";
    let mut text =
        String::from(".. SPDX-License-Identifier: GPL-2.0\n.. Written by make bench.\n\n");
    text += &rule;
    for (number, row) in rows.iter().enumerate() {
        let aligned: Vec<_> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                1..=3 => format!("{cell:>width$}"),
                _ => format!("{cell:width$}"),
            })
            .collect();
        text += aligned.join(" ").trim_end();
        text.push('\n');
        if number == 0 {
            text += &rule;
        }
    }
    text + &rule
}
