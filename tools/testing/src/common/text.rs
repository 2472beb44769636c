// SPDX-License-Identifier: GPL-2.0

//! Text: expressions that find something in it, quotations, tables, and the files that have it.

use comfy_table::{presets::UTF8_FULL_CONDENSED, ContentArrangement};
use serde::{Deserialize, Deserializer};
use walkdir::WalkDir;

use crate::common::*;

/// Returns a regular expression that is a constant of this program.
pub fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("a constant expression")
}

/// Returns a table of `tools/testing` that is part of this program.
pub fn data<T: Deserialize<'static>>(toml: &'static str) -> T {
    toml::from_str(toml).expect("a test reads each table")
}

/// Reads a list of such a table, which lives as long as the program.
pub fn list<'de, D, T>(from: D) -> Result<&'static [T], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + 'static,
{
    Ok(Vec::deserialize(from)?.leak())
}

/// Returns whether `names`, which a command was given, choose `name`: one of them is its beginning, or there are none.
pub fn is_chosen(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|n| name.starts_with(n.as_str()))
}

/// Returns lines as a quotation in a message.
pub fn quote<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> String {
    lines.into_iter().map(|l| format!("    | {}\n", l.as_ref())).collect()
}

/// Returns the first lines of `text` as a quotation, and how many more there are.
pub fn quote_first(most: usize, text: &str) -> String {
    let more = text.lines().count().saturating_sub(most);
    let rest = (more > 0).then(|| format!("... and {more} lines more"));
    quote(text.lines().take(most).map(String::from).chain(rest))
}

/// Returns an empty table that fits the terminal.
pub fn table<S: Into<comfy_table::Cell>>(head: impl IntoIterator<Item = S>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(160);
    }
    table.set_header(head.into_iter().map(Into::into).collect::<Vec<_>>());
    table
}

pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Returns the files in a folder and below it whose names end in one of `kinds`, or all if there are none.
pub fn files(folder: &Path, kinds: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("listing {}", folder.display()))?;
        let kind = entry.path().extension().unwrap_or_default();
        if entry.path().is_file() && (kinds.is_empty() || kinds.iter().any(|k| kind == *k)) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}
