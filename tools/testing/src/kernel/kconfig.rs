// SPDX-License-Identifier: GPL-2.0

//! Kernel configurations: what a fragment asks for, what a `.config` has, and what hides Rust.

use std::cmp::Ordering;

use regex::Captures;

use crate::{common::*, kernel::spec::TABLES};

/// Symbols, without their `CONFIG_`, and their values; an unset one is `n`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(BTreeMap<String, String>);

impl Config {
    /// Reads a `.config` or a fragment of one.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::parse(&read(path)?))
    }

    /// Parses `CONFIG_X=value` and `# CONFIG_X is not set` lines; later ones win.
    pub fn parse(text: &str) -> Self {
        let line = regex(r"^(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$");
        let symbols = text.lines().filter_map(|l| {
            let found = line.captures(l.trim_end())?;
            Some(match found.get(3) {
                Some(unset) => (unset.as_str().to_string(), "n".to_string()),
                None => (found[1].to_string(), found[2].to_string()),
            })
        });
        Self(symbols.collect())
    }

    /// Returns the value of a symbol. One that is not mentioned is `n`.
    pub fn get(&self, symbol: &str) -> &str {
        self.0.get(symbol).map_or("n", String::as_str)
    }

    pub fn on(&self, symbol: &str) -> bool {
        matches!(self.get(symbol), "y" | "m")
    }

    /// Returns the symbols, overridden by those of `other`.
    pub fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the symbols of `asked` that have another value here, as `symbol`, `asked`, `got`.
    pub fn differing<'a>(&'a self, asked: &'a Self) -> Vec<(&'a str, &'a str, &'a str)> {
        asked.0.iter().map(|(s, v)| (s.as_str(), v.as_str(), self.get(s))).filter(|(_, asked, got)| asked != got).collect()
    }

    pub fn text(&self) -> String {
        let line = |(symbol, value): (&String, &String)| match value.as_str() {
            "n" => format!("# CONFIG_{symbol} is not set\n"),
            _ => format!("CONFIG_{symbol}={value}\n"),
        };
        self.0.iter().map(line).collect()
    }
}

/// The reason why a configuration cannot have `CONFIG_RUST`: the condition that fails and the remedy.
#[derive(Debug, PartialEq)]
pub struct Hidden {
    /// The condition, as Kconfig states it.
    pub condition: String,
    /// The symbols in it, with their values.
    pub because: String,
    pub remedy: &'static str,
}

/// Returns the conditions of `config RUST` in `tree` that `config` does not meet.
pub fn hides_rust(config: &Config, tree: &Path) -> Result<Vec<Hidden>> {
    let kconfig = read(&tree.join("init/Kconfig"))?;
    let word = regex(r"[A-Z][A-Z0-9_]+");
    let hidden = conditions(&kconfig).into_iter().filter(|condition| evaluate(condition, config) == Some(false));
    let hidden = hidden.map(|condition| {
        let because = word.find_iter(&condition).map(|symbol| format!("{}={}", symbol.as_str(), config.get(symbol.as_str())));
        Hidden { remedy: remedy(&condition, config), because: because.collect::<Vec<_>>().join(" "), condition }
    });
    Ok(hidden.collect())
}

fn conditions(kconfig: &str) -> Vec<String> {
    let lines = kconfig.lines().skip_while(|line| *line != "config RUST");
    let of_rust = |line: &&str| line.is_empty() || line.starts_with([' ', '\t']);
    lines.skip(1).take_while(of_rust).filter_map(|line| line.trim().strip_prefix("depends on ")).map(str::to_string).collect()
}

fn remedy(condition: &str, config: &Config) -> &'static str {
    if condition.contains("RUST_IS_AVAILABLE") && config.on("CC_IS_GCC") {
        return "configured with gcc: give every make the same LLVM=-19";
    }
    let known = TABLES.remedies.iter().find(|(symbol, _)| condition.contains(symbol));
    known.map_or("change one of these symbols", |(_, remedy)| remedy)
}

/// How values become one, in the order in which operators bind. Once nothing else is left in them, parentheses are false if each
/// alternative is.
const RULES: [(&str, &str); 6] =
    [("!y", "n"), ("!n", "y"), ("y&&y", "y"), ("[yn]&&[yn]", "n"), (r"\(n(\|\|n)*\)", "n"), (r"\([yn](\|\|[yn])*\)", "y")];

/// Returns the value of a Kconfig condition, or `None` if its form is not known here.
fn evaluate(condition: &str, config: &Config) -> Option<bool> {
    let value = |word: &Captures<'_>| match &word[0] {
        constant if ["y", "m", "n"].contains(&constant) || constant.starts_with(char::is_numeric) => constant.to_string(),
        symbol => config.get(symbol).to_string(),
    };
    let text = regex(r"\w+").replace_all(condition, value).replace(' ', "");
    let compared = regex(r"(\w+)(>=|<=|!=|=|>|<)(\w+)").replace_all(&text, compare);
    let mut text = format!("({})", regex(r"\bm\b").replace_all(&compared, "y"));
    let rules = RULES.map(|(form, value)| (regex(form), value));
    while let Some((form, value)) = rules.iter().find(|(form, _)| form.is_match(&text)) {
        text = form.replace(&text, *value).into_owned();
    }
    ["y", "n"].contains(&text.as_str()).then_some(text == "y")
}

/// Returns `y` if a comparison holds, and otherwise `n`.
fn compare(comparison: &Captures<'_>) -> &'static str {
    let (_, [left, operator, right]) = comparison.extract();
    let order = match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ => left.cmp(right),
    };
    let holding = match order {
        Ordering::Less => ["<", "<=", "!="],
        Ordering::Equal => ["=", "<=", ">="],
        Ordering::Greater => [">", ">=", "!="],
    };
    ["n", "y"][usize::from(holding.contains(&operator))]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KCONFIG: &str = "config RUST\n\tbool \"Rust support\"\n\tdepends on HAVE_RUST\n\tdepends on RUST_IS_AVAILABLE\n\
        \tselect X if MODVERSIONS\n\tdepends on !MODVERSIONS || GENDWARFKSYMS\n\
        \tdepends on !DEBUG_INFO_BTF || (PAHOLE_HAS_LANG_EXCLUDE && !LTO)\n\
        \tdepends on !KASAN_SW_TAGS || RUSTC_VERSION >= 109600\n\thelp\n\t  Text.\n\nconfig OTHER\n\tdepends on NOT_THERE\n";

    fn hidden(config: &str) -> Vec<String> {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir(tree.path().join("init")).unwrap();
        fs::write(tree.path().join("init/Kconfig"), KCONFIG).unwrap();
        let config = Config::parse(&format!("CONFIG_HAVE_RUST=y\n{config}"));
        hides_rust(&config, tree.path()).unwrap().into_iter().map(|h| format!("{} ({})", h.remedy, h.because)).collect()
    }

    #[test]
    fn what_hides_rust_is_named() {
        assert!(hidden("CONFIG_RUST_IS_AVAILABLE=y\n").is_empty());
        let why = hidden("CONFIG_CC_IS_GCC=y\n");
        assert!(why[0].contains("configured with gcc"), "{why:?}");
        let why = hidden(
            "CONFIG_RUST_IS_AVAILABLE=y\nCONFIG_MODVERSIONS=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_PAHOLE_HAS_LANG_EXCLUDE=y\n\
             CONFIG_LTO=y\nCONFIG_KASAN_SW_TAGS=y\nCONFIG_RUSTC_VERSION=109500\n",
        );
        assert_eq!(why.len(), 3, "{why:?}");
        assert!(why[0].contains("MODVERSIONS=y GENDWARFKSYMS=n"));
        assert!(why[1].contains("LTO=y"));
        assert!(why[2].contains("RUSTC_VERSION=109500"));
    }

    #[test]
    fn operators_bind_as_in_kconfig() {
        let config = Config::parse("CONFIG_Y=y\nCONFIG_M=m\nCONFIG_N=n\nCONFIG_V=7\n");
        for (condition, value) in [
            ("M", Some(true)),
            ("N || Y && N", Some(false)),
            ("Y || N && N", Some(true)),
            ("(Y || N) && !M", Some(false)),
            ("!(N || (Y && V >= 8)) && V != 6", Some(true)),
            ("V = 7 && V < 8 && V > 6 && V <= 7", Some(true)),
            ("V = 8 || V < 7 || V > 7 || V <= 6 || V >= 8 || V != 7", Some(false)),
            ("Y &&", None),
        ] {
            assert_eq!(evaluate(condition, &config), value, "{condition}");
        }
    }

    #[test]
    fn differences_say_what_was_asked_and_what_came() {
        let got = Config::parse("CONFIG_A=y\n# CONFIG_B is not set\n");
        let asked = Config::parse("CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n# CONFIG_D is not set\n");
        assert_eq!(got.differing(&asked), [("B", "m", "n"), ("C", "y", "n")]);
    }
}
