// SPDX-License-Identifier: GPL-2.0

//! The report: a table for the terminal, and a page of the documentation.

use std::fmt::Write as _;

use super::Found;
use crate::{
    common::{text, *},
    kernel::Kernel,
};

/// The page of the documentation that has the report.
const PAGE: &str = "Documentation/PCI/irq-vector-ownership-evidence.rst";

/// The heading of the part of the page that is written here.
const BEGINS: &str = "Summary\n=======\n";

/// The results, two kernels side by side.
fn pairs(found: &[Found]) -> impl Iterator<Item = (&Found, &Found)> {
    found.windows(2).filter(|pair: &&[Found]| std::ptr::eq(pair[0].side.case, pair[1].side.case)).map(|both| (&both[0], &both[1]))
}

fn verdict(theirs: &Found, ours: &Found) -> bool {
    theirs.row.ok && ours.row.ok
}

/// Returns the words in a table for the result on a kernel.
fn says(found: &Found) -> String {
    let text = match found.side.kernel {
        Kernel::Earlier => "(2026 rule) ".to_string(),
        _ => String::new(),
    };
    let mut parts = vec![found.shown.join(", ")];
    let missing: Vec<_> = found.side.shows.iter().copied().filter(|n| !found.shown.contains(n)).collect();
    if !missing.is_empty() {
        parts.push(format!("MISSING: {}", missing.join(", ")));
    } else if !found.row.ok {
        parts.push("and more than it should".into());
    }
    parts.retain(|part| !part.is_empty());
    text + &parts.join("; ")
}

/// The table for the terminal.
pub fn table(found: &[Found]) -> Table {
    let mut table = text::table(["case", "what the driver does", "stock", "ours", "verdict"]);
    for (theirs, ours) in pairs(found) {
        let verdict = if verdict(theirs, ours) { style("as expected").green() } else { style("NOT AS EXPECTED").red() };
        table.add_row([
            theirs.side.case.name.to_string(),
            theirs.side.case.does.to_string(),
            says(theirs),
            says(ours),
            verdict.to_string(),
        ]);
    }
    table
}

/// Writes the report into its page, and returns the page's path.
pub fn write(session: &Session, found: &[Found]) -> Result<PathBuf> {
    let path = session.root.join(PAGE);
    let page = text::read(&path)?;
    let (head, _) = page.split_once(BEGINS).context("the page has no summary")?;
    fs::write(&path, page_of(head, found)?)?;
    Ok(path)
}

fn page_of(head: &str, found: &[Found]) -> Result<String, std::fmt::Error> {
    let mut text = format!("{head}{BEGINS}\n.. list-table::\n   :header-rows: 1\n   :widths: 8 28 28 28 8\n\n");
    let header = ["Case", "What the driver does", "Stock", "Ours", "As expected"];
    cells(&mut text, header.map(String::from))?;
    for (theirs, ours) in pairs(found) {
        let verdict = if verdict(theirs, ours) { "yes" } else { "**no**" };
        let case = theirs.side.case;
        cells(&mut text, [format!("{}_", case.name), plain(case.does), plain(&says(theirs)), plain(&says(ours)), verdict.into()])?;
    }
    text.push('\n');
    heading(&mut text, "The cases", '=')?;
    for (theirs, ours) in pairs(found) {
        case(&mut text, theirs, ours)?;
    }
    Ok(text.trim_end().to_string() + "\n")
}

fn heading(text: &mut String, title: &str, line: char) -> std::fmt::Result {
    let line = line.to_string().repeat(title.chars().count());
    writeln!(text, "{title}\n{line}\n")
}

fn cells(text: &mut String, cells: [String; 5]) -> std::fmt::Result {
    for (at, cell) in cells.iter().enumerate() {
        let mark = if at == 0 { "*" } else { " " };
        writeln!(text, "   {mark} - {cell}")?;
    }
    Ok(())
}

/// Returns text in which the special characters of reStructuredText are escaped.
fn plain(text: &str) -> String {
    text.replace('_', "\\_").replace('*', "\\*")
}

fn case(text: &mut String, theirs: &Found, ours: &Found) -> std::fmt::Result {
    let case = theirs.side.case;
    heading(text, case.name, '-')?;
    writeln!(text, "{}.\n", plain(&capital(case.does)))?;
    let place = if case.source.starts_with("evidence") { "tools/testing/modules/" } else { "" };
    writeln!(text, ":Source: ``{place}{}``", case.source)?;
    match case.steps {
        Some(steps) => writeln!(text, ":Steps: ``{}``", steps.replace(',', ", "))?,
        None => writeln!(text, ":Steps: compiled with ``W=e``")?,
    }
    text.push('\n');
    text.push_str(".. list-table::\n   :widths: 50 50\n\n");
    for (at, found) in [theirs, ours].into_iter().enumerate() {
        let mark = if at == 0 { "*" } else { " " };
        let name = match found.side.kernel {
            Kernel::Stock => "Stock",
            Kernel::Earlier => "2026",
            _ => "Ours",
        };
        writeln!(text, "   {mark} - **{name}**, {}\n", found.kernel)?;
        writeln!(text, "       | config: ``{}``", found.config)?;
        writeln!(text, "       | command: ``{}``", command_of(theirs, found))?;
        writeln!(text, "       | log: ``{}``", found.log)?;
        writeln!(text, "\n       ::\n")?;
        for line in &found.lines {
            writeln!(text, "{}", format!("         {line}").trim_end())?;
        }
        text.push('\n');
    }
    Ok(())
}

/// Returns the command that repeats the case. `make test` does not build the kernel of 2026.
fn command_of(theirs: &Found, found: &Found) -> String {
    if theirs.side.kernel == Kernel::Earlier {
        return "make evidence".into();
    }
    format!("make test TEST={}", found.row.name)
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
