// SPDX-License-Identifier: GPL-2.0

//! The figures of an exploration, as a table in the documentation.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    explore::{explore, Explored},
    machine::Setting,
    properties::PROPERTIES,
    rule::Rule,
};

/// The page, below the root of the overlay.
pub const PAGE: &str = "Documentation/PCI/irq-vector-ownership-testing.rst";

const BEGIN: &str = ".. The model's figures, written by make model.\n\n";
const END: &str = "\n.. End of the model's figures.\n";

/// Explores every setting.
pub fn explore_all(rule: &Rule) -> Vec<Explored> {
    let settings = [Setting::Devres, Setting::Interrupts, Setting::Rust];
    settings.map(|setting| explore(rule, setting)).into()
}

/// The tables of settings and of properties.
pub fn tables(rule: &Rule, explored: &[Explored]) -> String {
    let mut text = String::from(".. list-table::\n   :header-rows: 1\n\n");
    let mut row = |first: &str, second: &str| {
        text += &format!("   * - {first}\n     - {second}\n");
    };
    row("setting", "states");
    for setting in explored {
        row(setting.setting.words(), &setting.states.to_string());
    }
    let states: usize = explored.iter().map(|e| e.states).sum();
    row("together", &states.to_string());
    row("rows of the rule's table", &rule.len().to_string());
    text += "\n.. list-table::\n   :header-rows: 1\n\n";
    let mut row = |first: &str, second: &str| {
        text += &format!("   * - {first}\n     - {second}\n");
    };
    row("property", "in every state");
    for (name, words) in PROPERTIES {
        row(name, words);
    }
    text
}

/// Returns the page with new tables.
fn with_tables(page: &str, tables: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("no place for the figures")?;
    let (_, after) = rest.split_once(END).context("no end of the figures")?;
    Ok(format!("{before}{BEGIN}{tables}{END}{after}"))
}

/// Returns whether the page below `root` has these tables.
pub fn are_written(root: &Path, tables: &str) -> Result<bool> {
    let page = fs::read_to_string(root.join(PAGE)).context(PAGE)?;
    Ok(with_tables(&page, tables)? == page)
}

/// Writes the tables into the page.
pub fn write(root: &Path, tables: &str) -> Result<()> {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).context(PAGE)?;
    Ok(fs::write(path, with_tables(&page, tables)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tables_change() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let new = with_tables(&page, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}new\n{END}after\n"));
        assert_eq!(with_tables(&new, "new\n").unwrap(), new);
        assert!(with_tables("before\n", "new\n").is_err());
    }
}
