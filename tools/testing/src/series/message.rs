// SPDX-License-Identifier: GPL-2.0

//! What the patches say, and the cover letter.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};

use super::table::{folder, Step, Table};
use crate::common::layout::Layout;

const COLUMNS: usize = 72;

/// The message of a step that changes these files.
pub fn of(layout: &Layout, table: &Table, step: &Step, files: &[String]) -> Result<String> {
    let mut text = vec![fill(&step.why)];
    for name in &step.says {
        let said = table.paragraphs.get(name);
        text.push(fill(
            said.with_context(|| format!("there is no paragraph {name}"))?,
        ));
    }
    text.extend(tested(layout, step, files)?);
    text.retain(|paragraph| !paragraph.is_empty());
    Ok(format!("{}\n\n{}\n", step.subject, text.join("\n\n")))
}

/// What the pages say of the drivers among the files.
fn tested(layout: &Layout, step: &Step, files: &[String]) -> Result<Option<String>> {
    let page = |name| {
        let path = layout.root.join("Documentation/PCI").join(name);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let conversion = page("irq-vector-conversion.rst")?;
    let mut compiled = BTreeSet::new();
    for file in files {
        let row = conversion
            .lines()
            .find(|line| line.split_whitespace().next() == Some(file));
        let cells: Vec<_> = row.unwrap_or_default().split_whitespace().collect();
        if let [.., x86, x86_off, arm, arm_off] = cells[..] {
            for (name, on, off) in [("x86-64", x86, x86_off), ("arm64", arm, arm_off)] {
                if (on, off) == ("yes", "yes") {
                    compiled.insert(name);
                }
            }
        }
    }
    if compiled.is_empty() {
        return Ok(None);
    }
    let compiled: Vec<_> = compiled.into_iter().rev().collect();
    let mut text = format!(
        "Compiled for {}, with CONFIG_PCI_DEVRES_RUST off and, with the whole series, on.",
        compiled.join(" and ")
    );
    let rule = page("irq-vector-ownership.rst")?;
    for name in &step.runs {
        let row = rule.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.next()).flatten()
        });
        text += &match row.context(format!("no page says that {name} runs"))? {
            "run" => format!(" Run with the whole series: {name} was bound to a device of QEMU, did its work with these vectors, was unbound and bound again."),
            "bound" => format!(" Bound with the whole series: {name} was bound to a device of QEMU that gave it no MSI vector, unbound and bound again."),
            other => anyhow::bail!("{name} is {other}, which has no words here"),
        };
    }
    if step.runs.is_empty() {
        text += " Not run.";
    }
    Ok(Some(fill(&text)))
}

/// The cover letter, its figures from the results that are there.
pub fn cover(layout: &Layout, version: &str, table: &Table) -> Result<String> {
    let text = fs::read_to_string(folder(layout).join("cover.txt"))?;
    let result = |name: &str| -> Option<serde_json::Value> {
        let path = layout
            .build
            .join("results")
            .join(name)
            .with_extension("json");
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    };
    let mut shown = String::new();
    for (name, command) in [
        ("evidence", "make evidence"),
        ("test", "make test"),
        ("acceptance", "make acceptance"),
        ("tree-check", "make tree-check"),
        ("mutations", "make mutations"),
        ("census", "make census"),
    ] {
        let said = match result(name) {
            Some(found) => format!("{} passed, {} failed", found["passed"], found["failed"]),
            None => "not run for this version".into(),
        };
        shown += &format!("  {command:<18}{said}\n");
    }
    let count = |part| table.steps.iter().filter(|step| step.part == part).count();
    let mut left_out = String::new();
    for step in &table.left_out {
        left_out += &format!("{}: {}\n", step.subject, step.why.trim());
    }
    let conversion = fs::read_to_string(
        layout
            .root
            .join("Documentation/PCI/irq-vector-conversion.rst"),
    )?;
    let drivers = conversion
        .lines()
        .filter(|l| l.contains(".c ") && l.contains(" yes "))
        .count();
    let text = text
        .replace("@FIGURES@", shown.trim_end())
        .replace("@FIXES@", &count("fixes").to_string())
        .replace("@CALLS@", &count("calls").to_string())
        .replace("@DRIVERS@", &count("drivers").to_string())
        .replace("@CORE@", &count("core").to_string())
        .replace("@FILES@", &drivers.to_string())
        .replace("@LEFT_OUT@", left_out.trim_end())
        .replace("@VERSION@", version);
    let (subject, text) = text.split_once('\n').context("cover.txt has a subject")?;
    Ok(format!("{subject}\n\n{}\n", fill(text.trim())))
}

/// Breaks paragraphs into lines; those with an indented line stay as they are.
fn fill(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n").map(|paragraph| {
        if paragraph.lines().any(|line| line.starts_with([' ', '\t'])) {
            return paragraph.to_string();
        }
        let options = textwrap::Options::new(COLUMNS).break_words(false);
        textwrap::fill(&paragraph.replace('\n', " "), options)
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_and_tables_are_not() {
        let text = format!("{}\n\n  a {}", "word ".repeat(30), "b".repeat(80));
        let filled = fill(&text);
        let (first, second) = filled.split_once("\n\n").unwrap();
        assert!(first.lines().count() > 1 && first.lines().all(|l| l.len() <= COLUMNS));
        assert!(second.starts_with("  a b"));
    }
}
