// SPDX-License-Identifier: GPL-2.0

//! A row: one thing that was tested or measured, and its result.

use crate::common::*;

/// What results mean: `tools/testing/results.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    #[serde(borrow)]
    pub trouble: Vec<&'static str>,
    pub is_trouble: Vec<&'static str>,
    pub is_no_trouble: Vec<&'static str>,
    pub may_be_skipped: Vec<(&'static str, &'static str)>,
    pub areas: Vec<(&'static str, &'static str)>,
}

pub static MEANING: LazyLock<Meaning> = LazyLock::new(|| data(include_str!("../../results.toml")));

/// One thing that was tested or measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Row {
    /// Its name, as in the output of `make test`.
    pub name: String,
    pub ok: bool,
    /// Why it was skipped, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// A description of the failure, and where to look.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How long it took, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// Further values, which a command shows.
    #[serde(flatten)]
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    /// Returns a row that is as it should be.
    pub fn passed(name: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, ..Self::default() }
    }

    /// Returns a row that is not, with the reason.
    pub fn failed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), ..Self::default() }
    }

    /// Returns a row that is as it should be if there is no complaint.
    pub fn of(name: impl Into<String>, complaint: impl Into<String>) -> Self {
        let message = complaint.into();
        Self::judged(name, message.is_empty(), || message)
    }

    /// Returns a row that is `good`, or else has the complaint.
    pub fn judged(name: impl Into<String>, good: bool, complaint: impl FnOnce() -> String) -> Self {
        match good {
            true => Self::passed(name),
            false => Self::failed(name, complaint()),
        }
    }

    /// Returns a row that was skipped, with the reason.
    pub fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::passed(name) }
    }

    /// Returns the result in a word: `ok`, `failed`, or `skipped`.
    pub fn result(&self) -> &'static str {
        match (self.ok, &self.skipped) {
            (false, _) => "failed",
            (true, Some(_)) => "skipped",
            (true, None) => "ok",
        }
    }

    /// Says what to do about it, if it is not as it should be.
    #[must_use]
    pub fn or_remedy(mut self, remedy: &str) -> Self {
        if !self.ok {
            self.message += &format!("\nremedy: {remedy}");
        }
        self
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.values.insert(key.into(), value.into());
        self
    }

    #[must_use]
    pub fn took(mut self, time: Duration) -> Self {
        self.seconds = Some((time.as_secs_f64() * 1000.0).round() / 1000.0);
        self
    }
}
