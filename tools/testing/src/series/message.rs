// SPDX-License-Identifier: GPL-2.0

//! The messages of the patches, and the cover letter.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};
use regex::Regex;

use super::table::{folder, Step, Table};
use crate::{checks::tree_report::RUNS, common::Layout, kernel::drivers};

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
    text.extend(step.fixes.as_ref().map(|of| format!("Fixes: {of}")));
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
    let mut ran = runs(&conversion, files);
    // What QEMU has need not be said of the bus.
    ran.retain(|ran| ran.came != "compiled" || step.runs.is_empty());
    if step.runs.is_empty() && ran.is_empty() {
        text += " Not run.";
    }
    text += &on_the_bus(&ran, step.part == "fixes");
    Ok(Some(fill(&text)))
}

/// What the page says of a driver on the software PCI bus.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ran<'a> {
    /// How far it came on both kernels.
    came: &'a str,
    /// What stopped it.
    because: &'a str,
    /// Whether its handler ran.
    handled: bool,
    name: &'a str,
}

/// Returns what the page says of the drivers in these files.
fn runs<'a>(page: &'a str, files: &[String]) -> Vec<Ran<'a>> {
    let (_, page) = page.split_once(RUNS).unwrap_or_default();
    let rows = page.lines().map(|line| {
        let cells = line.split("  ").map(str::trim);
        cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    });
    let mut found: Vec<_> = rows
        .filter_map(|row| match row[..] {
            [name, file, off, on, ref rest @ ..] if files.iter().any(|f| f == file) => Some(Ran {
                came: if off == on { on } else { "FAILED" },
                because: rest
                    .last()
                    .filter(|cell| **cell != "handled")
                    .unwrap_or(&""),
                handled: rest.first() == Some(&"handled"),
                name,
            }),
            _ => None,
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What ran on the software PCI bus. Drivers that came equally far share a sentence. A fix stands
/// alone, and says where the bus comes from.
fn on_the_bus(ran: &[Ran<'_>], is_fix: bool) -> String {
    let mut text = String::new();
    let mut place = match is_fix {
        true => " With the whole series, on the PCI bus made of software that it adds, ",
        false => {
            " On the PCI bus made of software that this series adds, with the option off and on, "
        }
    };
    let alike =
        |a: &Ran<'_>, b: &Ran<'_>| (a.came, a.because, a.handled) == (b.came, b.because, b.handled);
    for group in ran.chunk_by(alike) {
        if group[0].came == "compiled" {
            text += &format!(" Not run: {}.", group[0].because);
            continue;
        }
        let names: Vec<_> = group.iter().map(|ran| ran.name).collect();
        let was = if names.len() > 1 { "were" } else { "was" };
        text += &format!("{place}{} ", names.join(", "));
        place = " There ";
        text += &match group[0].came {
            "rebound" => format!("{was} bound, unbound and bound again, and left nothing"),
            "bound" => format!("{was} bound"),
            "reached" => "came to the allocation of vectors".into(),
            "probed" => format!("{was} probed and came no further"),
            _ => format!("{was} loaded, but the run failed"),
        };
        if group[0].handled {
            text += "; a raised interrupt was handled";
        }
        if !group[0].because.is_empty() {
            text += &format!(" ({})", group[0].because);
        }
        text += ".";
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
        let found = result(name).unwrap_or_default();
        let rows = found["rows"].as_array().into_iter().flatten();
        for row in rows.filter(|row| row["ok"] == false) {
            let name = row["name"].as_str().unwrap_or_default();
            shown += &format!("    failed: {name}\n");
        }
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
    let bound = bound
        .iter()
        .filter(|ran| ["bound", "rebound"].contains(&ran.came));
    let text = text
        .replace("@BUS@", &bound.count().to_string())
        .replace("@FILES@", &all.len().to_string())
        .replace("@EVIDENCE@", &evidence(layout)?)
        .replace("@RULE@", &number("Give interrupt vectors one owner")?)
        .replace("@HOOKS@", &number("Ask an owner")?)
        .replace("@CALL@", &number("PCI/MSI: Add pcim_alloc_irq_vectors()")?)
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
            "x/a.c yes yes yes\n{RUNS}a  x/a.c  rebound  rebound  handled\nb  x/b.c  probed  bound\n\
             c  x/c.c  reached  reached    no id\nd  x/a.c  rebound  rebound  handled\n\
             not run  x/e.c  compiled  compiled    needs firmware\n"
        );
        let said = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|file| file.to_string()).collect();
            on_the_bus(&runs(&page, &files), true)
        };
        let place = " With the whole series, on the PCI bus made of software that it adds,";
        let rebound = "a, d were bound, unbound and bound again, and left nothing; a raised \
                       interrupt was handled.";
        assert_eq!(said(&["x/a.c"]), format!("{place} {rebound}"));
        let failed = format!("{place} b was loaded, but the run failed.");
        assert_eq!(said(&["x/b.c"]), failed);
        let both = format!("{place} c came to the allocation of vectors (no id). There {rebound}");
        assert_eq!(said(&["x/c.c", "x/a.c"]), both);
        assert_eq!(said(&["x/e.c"]), " Not run: needs firmware.");
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
