// SPDX-License-Identifier: GPL-2.0

//! Failures, in words that tell the reader what to do next.

use std::fmt;

use crate::common::*;

/// How many lines of a log a failure quotes.
const QUOTED: usize = 15;

/// A failure with its evidence and the likely remedy.
#[derive(Debug, Default)]
pub struct Failure {
    what: String,
    stage: Option<String>,
    log: Option<PathBuf>,
    quote: Vec<String>,
    remedy: Option<String>,
}

impl Failure {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Names the log and quotes its relevant lines.
    #[must_use]
    pub fn log(mut self, log: &Path) -> Self {
        self.quote = relevant(&fs::read(log).unwrap_or_default());
        self.log = Some(log.to_path_buf());
        self
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says what to do about it, if nothing more precise has been said.
    #[must_use]
    pub fn or_remedy(mut self, remedy: &str) -> Self {
        self.remedy.get_or_insert_with(|| remedy.into());
        self
    }

    /// Names the stage in which it happened, unless an inner stage is named already.
    #[must_use]
    pub fn in_stage(mut self, stage: &str) -> Self {
        self.stage.get_or_insert_with(|| stage.into());
        self
    }

    /// Returns the failure inside `error`, or one made from its message.
    pub fn from_error(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::new(format!("{error:#}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = |text| style(text).for_stderr().bold();
        let failed = style("failed").for_stderr().red().bold();
        writeln!(f, "{failed} {}{}", self.stage.as_ref().map(|stage| format!("{stage}: ")).unwrap_or_default(), self.what)?;
        for line in &self.quote {
            writeln!(f, "       | {line}")?;
        }
        if let Some(log) = &self.log {
            writeln!(f, "{}    {}", label("log"), Session::new(None).show(log))?;
        }
        if let Some(remedy) = &self.remedy {
            writeln!(f, "{} {remedy}", label("remedy"))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Returns the lines that say what failed, or the last ones.
fn relevant(log: &[u8]) -> Vec<String> {
    let telling = regex(
        r"(?i)\berror[:\[]|\*\*\*|undefined (symbol|reference)|^E: |not found|no such file|permission denied|FAILED|^fatal|: refus|cannot ",
    );
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    // A message may be on the lines after the one that announces it.
    let first = lines.iter().position(|l| telling.is_match(l));
    let start = lines.len().saturating_sub(QUOTED);
    let chosen = match first {
        Some(at) if at < start => {
            let last = if lines[at..].iter().filter(|l| telling.is_match(l)).count() > QUOTED { 0 } else { 5 };
            let first = &lines[at..at + QUOTED - last];
            [first, &lines[lines.len() - last..]].concat()
        }
        _ => lines[start..].to_vec(),
    };
    chosen.iter().map(|l| l.trim_end().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_quoted_even_when_much_follows() {
        let mut log = String::from("  HDRINST linux/error.h\nb.c:1:2: error: no member named 'x'\n  hint\n");
        for i in 0..100 {
            log += &format!("  CC {i}.o\n");
        }
        let quote = relevant(log.as_bytes());
        assert_eq!(quote[0], "b.c:1:2: error: no member named 'x'");
        assert_eq!(quote.last().unwrap(), "  CC 99.o");
        assert!(quote.len() <= QUOTED);
        // Without an error the last lines are quoted.
        assert_eq!(relevant(b"one\n\ntwo\n"), ["one", "two"]);
    }
}
