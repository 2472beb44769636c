// SPDX-License-Identifier: GPL-2.0

//! The report: a table for the terminal, and a page of the documentation.

use super::Found;
use crate::{common::*, kernel::Kernel, reports::rst::*};

/// The page of the documentation that has the report.
const PAGE: &str = "Documentation/PCI/irq-vector-ownership-evidence.rst";

/// The heading of the part of the page that is written here.
const BEGINS: &str = "Summary\n=======\n";

/// The results, two kernels side by side.
fn pairs(found: &[Found]) -> impl Iterator<Item = (&Found, &Found)> {
    found.windows(2).filter(|pair: &&[Found]| std::ptr::eq(pair[0].side.case, pair[1].side.case)).map(|both| (&both[0], &both[1]))
}

/// Returns the words in a table for the result on a kernel.
fn says(found: &Found) -> String {
    let rule = if found.side.kernel == Kernel::Earlier { "(2026 rule) " } else { "" };
    let missing: Vec<_> = found.side.shows.iter().copied().filter(|n| !found.shown.contains(n)).collect();
    let mut parts = vec![found.shown.join(", ")];
    if !missing.is_empty() {
        parts.push(format!("MISSING: {}", missing.join(", ")));
    } else if !found.row.ok {
        parts.push("and more than it should".into());
    }
    parts.retain(|part| !part.is_empty());
    format!("{rule}{}", parts.join("; "))
}

pub fn table(found: &[Found]) -> Table {
    let mut table = text::table(["case", "what the driver does", "stock", "ours", "verdict"]);
    for (theirs, ours) in pairs(found) {
        let verdict = if theirs.row.ok && ours.row.ok { style("as expected").green() } else { style("NOT AS EXPECTED").red() };
        let case = theirs.side.case;
        table.add_row([case.name, case.does, &says(theirs), &says(ours), &verdict.to_string()]);
    }
    table
}

/// Writes the report into its page, and returns the page's path.
pub fn write(session: &Session, found: &[Found]) -> Result<PathBuf> {
    let path = session.root.join(PAGE);
    let page = read(&path)?;
    let (head, _) = page.split_once(BEGINS).context("the page has no summary")?;
    let mut text = format!("{head}{BEGINS}\n.. list-table::\n   :header-rows: 1\n   :widths: 8 28 28 28 8\n\n");
    text += &line(&["Case", "What the driver does", "Stock", "Ours", "As expected"]);
    for (theirs, ours) in pairs(found) {
        let verdict = if theirs.row.ok && ours.row.ok { "yes" } else { "**no**" };
        let case = theirs.side.case;
        text += &line(&[&format!("{}_", case.name), &plain(case.does), &plain(&says(theirs)), &plain(&says(ours)), verdict]);
    }
    text += &format!("\n{}", heading("The cases", '='));
    text.extend(pairs(found).map(|(theirs, ours)| case(theirs, ours)));
    fs::write(&path, text.trim_end().to_string() + "\n")?;
    Ok(path)
}

fn line(cells: &[&str]) -> String {
    let marks = ["*"].into_iter().chain(std::iter::repeat(" "));
    cells.iter().zip(marks).map(|(cell, mark)| format!("   {mark} - {cell}\n")).collect()
}

fn case(theirs: &Found, ours: &Found) -> String {
    let case = theirs.side.case;
    let place = if case.source.starts_with("evidence") { "tools/testing/modules/" } else { "" };
    let steps = case.steps.map_or("compiled with ``W=e``".into(), |steps| format!("``{}``", steps.replace(',', ", ")));
    let mut text = heading(case.name, '-');
    text += &format!("{}.\n\n:Source: ``{place}{}``\n:Steps: {steps}\n\n", plain(&capital(case.does)), case.source);
    text += ".. list-table::\n   :widths: 50 50\n\n";
    let sides = [theirs, ours].map(|found| {
        let name = match found.side.kernel {
            Kernel::Stock => "Stock",
            Kernel::Earlier => "2026",
            _ => "Ours",
        };
        // make test does not build the kernel of 2026.
        let command = match theirs.side.kernel {
            Kernel::Earlier => "make evidence".into(),
            _ => format!("make test TEST={}", found.row.name),
        };
        let Found { kernel, config, log, .. } = found;
        let mut cell = format!("**{name}**, {kernel}\n\n       | config: ``{config}``\n");
        cell += &format!("       | command: ``{command}``\n       | log: ``{log}``\n\n       ::\n\n");
        cell.extend(found.lines.iter().map(|line| format!("{}\n", format!("         {line}").trim_end())));
        cell
    });
    text + &line(&[&sides[0], &sides[1]])
}

/// Makes the first letter a capital, unless the text begins with code.
fn capital(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    if !first.chars().all(char::is_alphanumeric) {
        return text.into();
    }
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect()
}
