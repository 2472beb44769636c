// SPDX-License-Identifier: GPL-2.0

//! The census for people, as lines for editors, and as reStructuredText.

use std::{collections::BTreeMap, fmt::Write as _, io::IsTerminal, path::Path};

use console::{style, Style};

use super::{Census, Change, Class, Entry, Line};

/// Writes the census for people: a paragraph for each file, then the counts. Lines are cut to the width
/// of a terminal, and not cut in a file.
pub fn text(census: &Census, check: bool) -> String {
    let terminal = console::Term::stdout();
    let columns = terminal.is_term().then(|| usize::from(terminal.size().1));
    let mut text = String::new();
    for entry in census.entries.iter().filter(|e| !check || e.fails()) {
        let class = colour(entry.class).apply_to(entry.class.name());
        let _ = writeln!(text, "{}  {class}", entry.file);
        for line in about(entry) {
            text += &wrapped(&line, columns);
        }
        text.push('\n');
    }
    text + &summary(census)
}

/// Returns the remarks about an entry, if there are any.
fn about(entry: &Entry) -> Vec<String> {
    let worst = entry.worst();
    let calls = [("enables", &worst.enable), ("allocates", &worst.allocate), ("frees", &worst.free)];
    let calls = calls.iter().filter(|(_, all)| !all.is_empty());
    let calls: Vec<_> = calls.map(|(what, all)| format!("{what} {}", lines(all, &entry.file))).collect();
    let mut about = vec![calls.join("; ")];
    about.extend(short(entry).lines().map(|line| format!("because {line}")));
    about.push(format!("the rule changes: {}", changes(entry)));
    about.push(format!("to do: {}", entry.todo));
    about.retain(|line| !line.is_empty() && !line.ends_with(": "));
    about
}

/// A line below the heading of its entry.
fn wrapped(line: &str, columns: Option<usize>) -> String {
    let (first, others) = ("    ", "        ");
    let Some(columns) = columns else {
        return format!("{first}{line}\n");
    };
    let options = textwrap::Options::new(columns).break_words(false);
    let options = options.initial_indent(first).subsequent_indent(others);
    textwrap::fill(line, options) + "\n"
}

fn summary(census: &Census) -> String {
    let counts = census.counts();
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    let mut text = format!("Linux {}: {} files allocate vectors\n", census.linux, count("files"));
    let kinds: Vec<_> =
        ["pci_alloc", "legacy", "mid-life"].iter().map(|kind| format!("{kind} {}", count(&format!("implicit/{kind}")))).collect();
    for (class, what) in [
        ("never", "nobody frees".to_string()),
        ("implicit", format!("nobody frees but pcim_enable_device() ({})", kinds.join(", "))),
        ("some-paths", "the driver frees, but not always".to_string()),
        ("wrong-order", "the driver frees, at the wrong moment".to_string()),
        ("explicit", "the driver frees".to_string()),
        ("managed", "the device frees: pcim_alloc_irq_vectors()".to_string()),
        ("intx-only", "no vectors".to_string()),
        ("undecided", "not decided, see because".to_string()),
    ] {
        let _ = writeln!(text, "{:>6}  {class:12} {what}", count(class));
    }
    let doubts = census.entries.iter().filter(|e| !e.worst().doubts.is_empty() && e.read.is_none()).count();
    let _ = writeln!(
        text,
        "The rule changes, for how many:\n{}{doubts} of the files come with a doubt, {} were settled by people.\n\
         Read: {} files; {} headers of more than 256 KiB were not.",
        changes_of_all(census),
        census.entries.iter().filter(|e| e.read.is_some()).count(),
        census.read.0,
        census.read.1
    );
    text
}

fn changes(entry: &Entry) -> String {
    let names: Vec<_> = entry.changes.iter().map(|c| c.name()).collect();
    names.join(", ")
}

fn changes_of_all(census: &Census) -> String {
    let mut counts: BTreeMap<Change, usize> = BTreeMap::new();
    for change in census.entries.iter().flat_map(|e| &e.changes) {
        *counts.entry(*change).or_default() += 1;
    }
    let lines = counts.iter().map(|(change, count)| format!("{count:>6}  {}\n", change.name()));
    lines.collect()
}

fn colour(class: Class) -> Style {
    let plain = Style::new().force_styling(std::io::stdout().is_terminal());
    match class {
        Class::Implicit | Class::Never | Class::WrongOrder => plain.red(),
        Class::SomePaths | Class::Undecided => plain.yellow(),
        _ => plain.green(),
    }
}

/// Returns line numbers, with the file if it is another one.
fn lines(all: &[Line], file: &str) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in all {
        let name = if line.file == file { "" } else { line.file.rsplit('/').next().unwrap_or(&line.file) };
        files.entry(name).or_default().push(line.line.to_string());
    }
    let text = files.into_iter().map(
        |(name, lines)| {
            if name.is_empty() {
                lines.join(", ")
            } else {
                format!("{name}:{}", lines.join(","))
            }
        },
    );
    text.collect::<Vec<_>>().join(" ")
}

/// Returns the reasons in few words: each kind with its first line and its number.
fn short(entry: &Entry) -> String {
    if let Some(why) = entry.read {
        return format!("read: {why}");
    }
    let worst = entry.worst();
    let mut kinds: Vec<(&str, &Line, usize)> = Vec::new();
    for line in &worst.because {
        match kinds.iter_mut().find(|(what, ..)| *what == line.what) {
            Some((_, _, count)) => *count += 1,
            None => kinds.push((&line.what, line, 1)),
        }
    }
    let mut parts: Vec<String> = kinds
        .into_iter()
        .map(|(what, line, count)| {
            let file = if line.file == entry.file { "" } else { line.file.rsplit('/').next().unwrap_or("") };
            let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            format!("{file}:{}{more}: {what}", line.line)
        })
        .collect();
    parts.extend(worst.doubts.iter().map(|d| format!("? {d}")));
    parts.join("\n")
}

/// Everything that decides an entry's class, for a failure.
pub fn because(entry: &Entry) -> String {
    let worst = entry.worst();
    let lines = worst.because.iter().map(|l| format!("    | {}:{}: {}\n", l.file, l.line, l.what));
    let doubts = worst.doubts.iter().map(|d| format!("    | ? {d}\n"));
    lines.chain(doubts).collect()
}

/// Writes the census for editors: `path:line: message` for each place to look at.
pub fn errors(census: &Census, tree: &Path, check: bool) -> String {
    let mut text = String::new();
    for entry in census.entries.iter().filter(|e| !check || e.fails()) {
        let worst = entry.worst();
        let level = if entry.fails() { "warning" } else { "note" };
        for line in &worst.allocate {
            let at = tree.join(&line.file);
            let _ = writeln!(
                text,
                "{}:{}: {level}: {}() is {}, {}: {}",
                at.display(),
                line.line,
                line.what,
                entry.class.name(),
                entry.modules().into_iter().collect::<Vec<_>>().join(", "),
                entry.todo
            );
        }
        if entry.fails() || entry.class == Class::Undecided {
            for line in &worst.because {
                let _ = writeln!(text, "{}:{}: note: {}", tree.join(&line.file).display(), line.line, line.what);
            }
            for doubt in &worst.doubts {
                let at = worst.allocate.first().map_or(1, |l| l.line);
                let _ = writeln!(text, "{}:{at}: note: in doubt: {doubt}", tree.join(&entry.file).display());
            }
        }
    }
    if std::io::stderr().is_terminal() {
        eprint!("{}", style(summary(census)).for_stderr().dim());
    } else {
        eprint!("{}", summary(census));
    }
    text
}

/// Writes the census for the documentation.
pub fn rst(census: &Census) -> String {
    let mut text = String::from("::\n\n");
    for line in summary(census).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text += "\n.. list-table::\n   :header-rows: 1\n   :widths: 36 12 8 34 10\n\n";
    text += "   * - file\n     - class\n     - line\n     - because\n     - the rule changes\n";
    for entry in &census.entries {
        let worst = entry.worst();
        let kind = worst.kind.filter(|k| *k != "pci_alloc").map(|k| format!(", {k}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "   * - {}\n     - {}{kind}\n     - {}\n     - | {}\n     -{}",
            entry.file,
            entry.class.name(),
            lines(&worst.allocate, &entry.file),
            match short(entry).replace('\n', "\n       | ") {
                empty if empty.is_empty() => entry.todo.to_string(),
                text => text,
            },
            match changes(entry) {
                none if none.is_empty() => none,
                some => format!(" {some}"),
            }
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn paths_are_whole_on_a_terminal_and_lines_in_a_file() {
        let line = "because drivers/net/ethernet/a_driver.c:1: nobody frees";
        assert_eq!(wrapped(line, None), format!("    {line}\n"));
        let narrow = wrapped(line, Some(40));
        assert!(narrow.lines().count() > 1);
        assert!(narrow.contains(" drivers/net/ethernet/a_driver.c:1:"));
    }
}
