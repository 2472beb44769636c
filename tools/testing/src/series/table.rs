// SPDX-License-Identifier: GPL-2.0

//! The table of the series, `tools/testing/series/*.toml`: which change belongs to which patch, and what the patch says.

use crate::common::*;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(skip)]
    pub part: &'static str,
    pub subject: String,
    /// Its own text, before the text that every patch of its kind has.
    #[serde(default)]
    pub why: String,
    /// Paragraphs of the table that it shares with others. Its own stands first, or where it is named "why".
    #[serde(default)]
    pub says: Vec<String>,
    /// The commit that it mends, as git names it in such a line.
    pub fixes: Option<String>,
    /// How the page of the ownership rule names the driver among those that run.
    #[serde(default)]
    pub runs: Vec<String>,
    /// Files of which it takes all pieces that no other step takes.
    #[serde(default)]
    pub take: Vec<String>,
    /// Files of which it takes the hunks and the items that have a matching line.
    #[serde(default)]
    pub items: BTreeMap<String, Vec<String>>,
    /// Files of which it takes the added lines that match.
    #[serde(default)]
    pub lines: BTreeMap<String, Vec<String>>,
}

/// A complaint of checkpatch that stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The type that checkpatch gives it, by a regular expression.
    pub kind: String,
    /// Which patches, by a regular expression on their subjects.
    pub subject: String,
    pub reason: String,
}

/// The table, or one file of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    pub paragraphs: BTreeMap<String, String>,
    #[serde(rename = "exception")]
    pub exceptions: Vec<Exception>,
    /// The parts that the series leaves out, with the reasons.
    pub left_out: Vec<Step>,
}

pub fn read(session: &Session) -> Result<Table> {
    let mut table = Table::default();
    // The parts of the series, in their order.
    for part in ["fixes", "calls", "drivers", "core"] {
        let path = session.testing().join(format!("series/{part}.toml"));
        let read: Table = toml::from_str(&text::read(&path)?).with_context(|| format!("in {}", path.display()))?;
        table.steps.extend(read.steps.into_iter().map(|step| Step { part, ..step }));
        table.paragraphs.extend(read.paragraphs);
        table.exceptions.extend(read.exceptions);
        table.left_out.extend(read.left_out);
    }
    Ok(table)
}

/// Returns a pattern of paths, in which `*` stands for anything. One that ends in `/` stands for everything below.
pub fn glob(pattern: &str) -> Regex {
    let pattern = regex::escape(pattern).replace(r"\*", ".*");
    let end = if pattern.ends_with('/') { "" } else { "$" };
    Regex::new(&format!("^{pattern}{end}")).expect("an escaped pattern is a pattern")
}
