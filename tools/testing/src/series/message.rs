// SPDX-License-Identifier: GPL-2.0

//! The messages of the patches, and the cover letter.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};
use regex::Regex;

use super::table::{folder, Step, Table};
use crate::{checks::tree_report::RUNS, common::layout::Layout, kernel::drivers};

const COLUMNS: usize = 72;

/// The message of a step that changes these files.
pub fn of(layout: &Layout, table: &Table, step: &Step, files: &[String]) -> Result<String> {
    let mut says: Vec<_> = step.says.iter().map(String::as_str).collect();
    if !says.contains(&"why") {
        says.insert(0, "why");
    }
    let mut text = Vec::new();
    for name in says {
        let said = match name {
            "why" => Some(&step.why),
            name => table.paragraphs.get(name),
        };
        text.push(fill(
            said.with_context(|| format!("there is no paragraph {name}"))?,
        ));
    }
    text.extend(tested(layout, step, files)?);
    text.retain(|paragraph| !paragraph.is_empty());
    Ok(format!("{}\n\n{}\n", step.subject, text.join("\n\n")))
}

/// Returns what the pages say about the drivers among the files.
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
    let mut text = format!("Compiled for {}", compiled.join(" and "));
    text += match step.part {
        "fixes" => ".",
        _ => ", with CONFIG_PCI_DEVRES_RUST off and, with the whole series, on.",
    };
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
    let bus = on_the_bus(&conversion, files);
    if step.runs.is_empty() && bus.is_empty() {
        text += " Not run.";
    }
    text += &bus;
    Ok(Some(fill(&text)))
}

/// What the page says of drivers on the software PCI bus: the driver, how far it came on both kernels, whether its handler ran.
fn runs<'a>(page: &'a str, files: &[String]) -> Vec<(&'a str, &'a str, bool)> {
    let (_, page) = page.split_once(RUNS).unwrap_or_default();
    let rows = page
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut found: Vec<_> = rows
        .filter_map(|row| match row[..] {
            [name, file, off, on, ref rest @ ..]
                if off == on && files.iter().any(|f| f == file) =>
            {
                Some((name, on, rest.first() == Some(&"handled")))
            }
            _ => None,
        })
        .collect();
    found.dedup();
    found
}

fn on_the_bus(page: &str, files: &[String]) -> String {
    let mut text = String::new();
    for (name, came, handled) in runs(page, files) {
        let came = match came {
            "rebound" => "was bound, unbound and bound again, and left nothing",
            "bound" => "was bound",
            "reached" => "came to its allocation of vectors",
            _ => "was probed and came no further",
        };
        text += &format!(" On the software PCI bus {name} {came}");
        text += if handled {
            "; its handler ran when an interrupt was raised."
        } else {
            "."
        };
    }
    text
}

/// Returns the cover letter. Its figures are those of the present results.
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
        ("converted", "make converted"),
        ("mutations", "make mutations"),
        ("census", "make census"),
        ("bench", "make bench"),
    ] {
        let said = match result(name) {
            Some(found) => format!("{} passed, {} failed", found["passed"], found["failed"]),
            None => "not run for this version".into(),
        };
        shown += &format!("  {command:<18}{said}\n");
    }
    let mut cost = String::new();
    let bench = result("bench").unwrap_or_default();
    for row in bench["rows"].as_array().into_iter().flatten() {
        let name = row["name"].as_str().unwrap_or_default();
        if let Some(name) = name.strip_prefix("bench::size::") {
            let [stock, ours] =
                ["stock", "ours"].map(|kernel| row[kernel].as_f64().unwrap_or(-1.0));
            cost += &format!("  {name:<32}{stock:>6} -> {ours}\n");
        }
    }
    if cost.is_empty() {
        cost += "  not measured for this version";
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
    let number = |what: &str| -> Result<String> {
        let step = table.steps.iter().position(|s| s.subject.contains(what));
        let step = step.with_context(|| format!("no step is about \"{what}\""))?;
        Ok((step + 1).to_string())
    };
    let all: Vec<_> = drivers::converted(layout)?
        .into_iter()
        .map(|c| c.file.display().to_string())
        .collect();
    let bound = runs(&conversion, &all);
    let bound = bound.iter().filter(|(_, came, _)| came.contains("bound"));
    let text = text
        .replace("@BUS@", &bound.count().to_string())
        .replace("@FILES@", &all.len().to_string())
        .replace("@EVIDENCE@", &evidence(layout)?)
        .replace("@RULE@", &number("Give interrupt vectors one owner")?)
        .replace("@HOOKS@", &number("Ask an owner")?)
        .replace("@COST@", cost.trim_end())
        .replace("@FIGURES@", shown.trim_end())
        .replace("@FIXES@", &count("fixes").to_string())
        .replace("@CALLS@", &count("calls").to_string())
        .replace("@DRIVERS@", &count("drivers").to_string())
        .replace("@CORE@", &count("core").to_string())
        .replace("@LEFT_OUT@", left_out.trim_end())
        .replace("@VERSION@", version);
    let (subject, text) = text.split_once('\n').context("cover.txt has a subject")?;
    Ok(format!("{subject}\n\n{}\n", fill(text.trim())))
}

/// The cases of the evidence page: what a driver does, and the result.
fn evidence(layout: &Layout) -> Result<String> {
    let page = layout
        .root
        .join("Documentation/PCI/irq-vector-ownership-evidence.rst");
    let page = fs::read_to_string(page)?.replace('\\', "");
    let row = Regex::new(r"   \* - (H\d)_\n     - (.*)\n     - (.*)\n     - (.*)\n")?;
    let mut text = Vec::new();
    for found in row.captures_iter(&page) {
        let [case, does, stock, ours] = [1, 2, 3, 4].map(|at| &found[at]);
        for (first, said) in [
            (case, does.to_string()),
            ("", format!("stock: {stock}")),
            ("", format!("ours: {ours}")),
        ] {
            let first = format!("  {first:<4}");
            let options = textwrap::Options::new(COLUMNS)
                .subsequent_indent("        ")
                .word_splitter(textwrap::WordSplitter::NoHyphenation);
            text.push(textwrap::fill(&said, options.initial_indent(&first)));
        }
    }
    anyhow::ensure!(!text.is_empty(), "the evidence page has no cases");
    Ok(text.join("\n"))
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
    fn what_ran_on_the_bus_is_said() {
        let page = format!(
            "x/a.c yes yes yes\n{RUNS}a x/a.c rebound rebound handled\nb x/b.c probed bound\nc x/c.c reached reached no id\n"
        );
        let said = |file: &str| on_the_bus(&page, &[file.to_string()]);
        assert!(said("x/a.c").contains("a was bound, unbound and bound again"));
        assert!(said("x/a.c").ends_with("its handler ran when an interrupt was raised."));
        assert_eq!(said("x/b.c"), "");
        let reached = " On the software PCI bus c came to its allocation of vectors.";
        assert_eq!(said("x/c.c"), reached);
    }

    #[test]
    fn paragraphs_are_broken_and_tables_are_not() {
        let text = format!("{}\n\n  a {}", "word ".repeat(30), "b".repeat(80));
        let filled = fill(&text);
        let (first, second) = filled.split_once("\n\n").unwrap();
        assert!(first.lines().count() > 1 && first.lines().all(|l| l.len() <= COLUMNS));
        assert!(second.starts_with("  a b"));
    }
}
