// SPDX-License-Identifier: GPL-2.0

//! Checks the text of our kernel code by `tools/testing/rules.toml`.

use crate::{common::*, verdict::Row};

/// The beginning of the names of the rows about formats, and about `unsafe` in samples.
pub const FORMATS: &str = "host::formats";
pub const NO_UNSAFE: &str = "host::no-unsafe::";

/// Something that the files in some folders must not have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    test: &'static str,
    folders: Vec<&'static str>,
    what: &'static str,
    patterns: Vec<&'static str>,
    /// Examples, for a test.
    #[serde(default)]
    pub allows: Vec<String>,
    #[serde(default)]
    pub forbids: Vec<String>,
}

static RULES: LazyLock<BTreeMap<&str, Vec<Rule>>> = LazyLock::new(|| data(include_str!("../../rules.toml")));

/// Returns the rows of a test: one for all files, or one for each if its name is the beginning of theirs.
pub fn check(session: &Session, test: &str) -> Result<Vec<Row>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in RULES["rule"].iter().filter(|rule| rule.test == test) {
        for folder in &rule.folders {
            for file in files(&session.root.join(folder), &["c", "h", "rs"])? {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                let name = if test.ends_with("::") { format!("{test}{stem}") } else { test.into() };
                let lines = lines(rule, &read(&file)?);
                let shown = session.show(&file);
                found.entry(name).or_default().extend(lines.iter().map(|line| format!("{shown}:{line}: {}", rule.what)));
            }
        }
    }
    Ok(found.into_iter().map(|(name, wrong)| Row::of(name, Vec::from_iter(wrong).join("\n"))).collect())
}

/// Returns the numbers of the lines in which something begins that a rule forbids.
fn lines(rule: &Rule, text: &str) -> Vec<usize> {
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let found = |pattern: &&str| regex(pattern).find_iter(text).map(|found| line(found.start())).collect::<Vec<_>>();
    rule.patterns.iter().flat_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(test: &str, text: &str) -> Vec<usize> {
        RULES["rule"].iter().filter(|rule| rule.test == test).flat_map(|rule| lines(rule, text)).collect()
    }

    #[test]
    fn the_rules_find_what_they_forbid() {
        for Rule { test, allows, forbids, .. } in &RULES["rule"] {
            allows.iter().for_each(|text| assert_eq!(wrong(test, text).len(), 0, "{text}"));
            forbids.iter().for_each(|text| assert_eq!(wrong(test, text).len(), 1, "{text}"));
        }
    }

    #[test]
    fn unsafe_counts_in_code_only() {
        let source = "// unsafe\nfn a() { unsafe { b() } }\n/// not unsafe\nlet unsafely = 1;\nunsafe impl C for D {}\n";
        assert_eq!(wrong(NO_UNSAFE, source), [2, 5]);
    }
}
