// SPDX-License-Identifier: GPL-2.0

//! The messages of the patches, and the cover letter.

use super::table::{Step, Table};
use crate::{checks::tree_report::DEBUG_RUNS, common::*, kernel::drivers, reports::*};

const COLUMNS: usize = 72;

/// The message of a step that changes these files.
pub fn of(session: &Session, table: &Table, step: &Step, files: &[String]) -> Result<String> {
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
        text.push(fill(said.with_context(|| format!("there is no paragraph {name}"))?));
    }
    text.extend(tested(session, step, files)?);
    text.extend(step.fixes.as_ref().map(|of| format!("Fixes: {of}")));
    text.retain(|paragraph| !paragraph.is_empty());
    Ok(format!("{}\n\n{}\n", step.subject, text.join("\n\n")))
}

fn page(session: &Session, name: &str) -> Result<String> {
    read(&session.root.join("Documentation/PCI").join(name))
}

/// Returns the page of the conversion, up to the runs on kernels with sanitizers.
fn conversion(session: &Session) -> Result<String> {
    Ok(page(session, "irq-vector-conversion.rst")?.split(DEBUG_RUNS).next().unwrap_or_default().to_string())
}

/// Returns what the pages say about the drivers among the files.
fn tested(session: &Session, step: &Step, files: &[String]) -> Result<Option<String>> {
    let conversion = conversion(session)?;
    let tables = rst::rows(&conversion);
    // The columns of each architecture, with the option on and off.
    let compiles = |columns: [usize; 2]| {
        let mut ours = tables.iter().filter(|row| row.len() == 7 && files.iter().any(|file| file == row[0]));
        ours.any(|row| columns.iter().all(|at| row[*at] == "yes"))
    };
    let architectures = [("x86-64", [3, 4]), ("arm64", [5, 6])].into_iter();
    let compiled: Vec<_> = architectures.filter(|(_, columns)| compiles(*columns)).map(|(name, _)| name).collect();
    if compiled.is_empty() {
        return Ok(None);
    }
    let mut text = format!("Compiled for {}", compiled.join(" and "));
    text += match step.part {
        "fixes" => ".",
        _ => ", with CONFIG_PCI_DEVRES_RUST off and, with the whole series, on.",
    };
    let rule = page(session, "irq-vector-ownership.rst")?;
    let rule = rst::rows(&rule);
    for name in &step.runs {
        text += &match rule.iter().find(|row| row[0] == name).with_context(|| format!("no page says that {name} runs"))?[1] {
            "run" => format!(" Run with the whole series: {name} was bound to a device of QEMU, did its work with these vectors, was unbound and bound again."),
            "bound" => format!(" Bound with the whole series: {name} was bound to a device of QEMU that gave it no MSI vector, unbound and bound again."),
            other => bail!("{name} is {other}, which has no words here"),
        };
    }
    let mut ran = runs(&tables, files);
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
    /// What it went through while it was bound.
    events: &'a str,
    name: &'a str,
}

/// Returns what the tables of the page say of the drivers in these files.
fn runs<'a>(tables: &[Vec<&'a str>], files: &[String]) -> Vec<Ran<'a>> {
    let ran = tables.iter().filter_map(|row| {
        let [name, file, off, on, events, because] = row[..] else { return None };
        let came = if off == on { on } else { "FAILED" };
        files.iter().any(|f| f == file).then_some(Ran { came, because, events, name })
    });
    ran.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What ran on the software PCI bus. Drivers that came equally far share a sentence. A fix stands
/// alone, and says where the bus comes from.
fn on_the_bus(ran: &[Ran<'_>], is_fix: bool) -> String {
    let mut text = String::new();
    let mut place = match is_fix {
        true => "With the whole series, on the PCI bus made of software that it adds,",
        false => "On the PCI bus made of software that this series adds, with the option off and on,",
    };
    for group in ran.chunk_by(|a, b| (a.came, a.because, a.events) == (b.came, b.because, b.events)) {
        let Ran { came, because, events, .. } = group[0];
        if came == "compiled" {
            text += &format!(" Not run: {because}.");
            continue;
        }
        let names: Vec<_> = group.iter().map(|ran| ran.name).collect();
        let was = if names.len() > 1 { "were" } else { "was" };
        text += &format!(" {place} {} ", names.join(", "));
        place = "There";
        text += &match came {
            "rebound" => format!("{was} bound, unbound and bound again, and left no vector or handler"),
            "bound" => format!("{was} bound"),
            "reached" => "reached its allocation".into(),
            "probed" => format!("{was} probed and came no further"),
            _ => format!("{was} loaded, but the run failed"),
        };
        if !events.is_empty() {
            text += &format!(". These passed as well: {events}");
        }
        if !because.is_empty() {
            let what = if came == "rebound" { "These did not" } else { "What stopped it" };
            text += &format!(". {what}: {because}");
        }
        text += ".";
    }
    text
}

/// Returns the cover letter. Its figures are those of the present results.
pub fn cover(session: &Session, version: &str, table: &Table) -> Result<String> {
    let text = read(&session.testing().join("series/cover.txt"))?;
    let mut shown = String::new();
    for name in "evidence test acceptance tree-check converted mutations census bench".split(' ') {
        let rows = results::rows(session, name);
        let failed: Vec<_> = rows.iter().filter(|row| !row.ok).collect();
        let passed = rows.len() - failed.len();
        let said =
            if rows.is_empty() { "not run for this version".into() } else { format!("{passed} passed, {} failed", failed.len()) };
        shown += &format!("  make {name:<13}{said}\n");
        shown.extend(failed.iter().map(|row| format!("    failed: {}\n", row.name)));
    }
    let mut cost = String::new();
    for row in results::rows(session, "bench") {
        if let Some(name) = row.name.strip_prefix("bench::size::") {
            let count = |kernel| row.values.get(kernel).and_then(|count| count.as_f64());
            let [stock, ours] = ["stock", "ours"].map(|kernel| count(kernel).unwrap_or(-1.0));
            cost += &format!("  {name:<32}{stock:>6} -> {ours}\n");
        }
    }
    if cost.is_empty() {
        cost += "  not measured for this version";
    }
    let count = |part: &str| table.steps.iter().filter(|step| step.part == part).count();
    let left_out: String = table.left_out.iter().map(|step| format!("{}: {}\n", step.subject, step.why.trim())).collect();
    let conversion = conversion(session)?;
    let number = |what: &str| -> Result<String> {
        let step = table.steps.iter().position(|s| s.subject.contains(what));
        Ok((step.with_context(|| format!("no step is about \"{what}\""))? + 1).to_string())
    };
    let all: Vec<_> = drivers::converted(session)?.into_iter().map(|c| c.file.display().to_string()).collect();
    let mut bound = runs(&rst::rows(&conversion), &all);
    bound.retain(|ran| ["bound", "rebound"].contains(&ran.came));
    let text = text
        .replace("@BUS@", &bound.len().to_string())
        .replace("@FILES@", &all.len().to_string())
        .replace("@EVIDENCE@", &evidence(session)?)
        .replace("@RULE@", &number("Give interrupt vectors one owner")?)
        .replace("@HOOKS@", &number("Add hooks for an owner")?)
        .replace("@CALL@", &number("PCI/MSI: Add pcim_alloc_irq_vectors()")?)
        .replace("@COST@", cost.trim_end())
        .replace("@FIGURES@", shown.trim_end())
        .replace("@LEFT_OUT@", left_out.trim_end())
        .replace("@VERSION@", version);
    let counted = |text: String, part: &str| text.replace(&format!("@{}@", part.to_uppercase()), &count(part).to_string());
    let text = ["fixes", "calls", "drivers", "core"].into_iter().fold(text, counted);
    let (subject, text) = text.split_once('\n').context("cover.txt has a subject")?;
    Ok(format!("{subject}\n\n{}\n", fill(text.trim())))
}

/// The cases of the evidence page: what a driver does, and the result.
fn evidence(session: &Session) -> Result<String> {
    let page = page(session, "irq-vector-ownership-evidence.rst")?.replace('\\', "");
    let row = regex(r"   \* - (H\d)_\n     - (.*)\n     - (.*)\n     - (.*)\n");
    let mut text = Vec::new();
    for found in row.captures_iter(&page) {
        let (_, [case, does, stock, ours]) = found.extract();
        let (stock, ours) = (format!("stock: {stock}"), format!("ours: {ours}"));
        for (first, said) in [(case, does), ("", &stock), ("", &ours)] {
            let first = format!("  {first:<4}");
            let options =
                textwrap::Options::new(COLUMNS).subsequent_indent("        ").word_splitter(textwrap::WordSplitter::NoHyphenation);
            text.push(textwrap::fill(said, options.initial_indent(&first)));
        }
    }
    ensure!(!text.is_empty(), "the evidence page has no cases");
    Ok(text.join("\n"))
}

/// Breaks paragraphs into lines; those with an indented line stay as they are.
fn fill(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n").map(|paragraph| {
        if paragraph.lines().any(|line| line.starts_with([' ', '\t'])) {
            return paragraph.to_string();
        }
        textwrap::fill(&paragraph.replace('\n', " "), textwrap::Options::new(COLUMNS).break_words(false))
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_on_the_bus_is_said() {
        let tables = [
            vec!["x/a.c", "yes"],
            vec!["a", "x/a.c", "rebound", "rebound", "interrupt, suspend", ""],
            vec!["b", "x/b.c", "probed", "bound", "", ""],
            vec!["c", "x/c.c", "reached", "reached", "", "no id"],
            vec!["d", "x/a.c", "rebound", "rebound", "interrupt, suspend", ""],
            vec!["not run", "x/e.c", "compiled", "compiled", "", "needs firmware"],
        ];
        let said = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|file| file.to_string()).collect();
            on_the_bus(&runs(&tables, &files), true)
        };
        let place = " With the whole series, on the PCI bus made of software that it adds,";
        let rebound =
            "a, d were bound, unbound and bound again, and left no vector or handler. These passed as well: interrupt, suspend.";
        assert_eq!(said(&["x/a.c"]), format!("{place} {rebound}"));
        assert_eq!(said(&["x/b.c"]), format!("{place} b was loaded, but the run failed."));
        assert_eq!(said(&["x/c.c", "x/a.c"]), format!("{place} c reached its allocation. What stopped it: no id. There {rebound}"));
        assert_eq!(said(&["x/e.c"]), " Not run: needs firmware.");
    }

    #[test]
    fn paragraphs_are_broken_and_tables_are_not() {
        let filled = fill(&format!("{}\n\n  a {}", "word ".repeat(30), "b".repeat(80)));
        let (first, second) = filled.split_once("\n\n").unwrap();
        assert!(first.lines().count() > 1 && first.lines().all(|l| l.len() <= COLUMNS));
        assert!(second.starts_with("  a b"));
    }
}
