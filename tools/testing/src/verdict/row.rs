// SPDX-License-Identifier: GPL-2.0

//! A row: one thing that was tested or measured, and its result.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;

/// One thing that was tested or measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Its name, as in the output of `make test`.
    pub name: String,
    /// Whether it is as it should be.
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
    /// Its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// Further values, which a command shows.
    #[serde(flatten)]
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    /// Returns a row that is as it should be.
    pub fn passed(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ok: true,
            ..Self::default()
        }
    }

    /// Returns a row that is not, with the reason.
    pub fn failed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// Says how long it took.
    #[must_use]
    pub fn took(mut self, time: Duration) -> Self {
        self.seconds = Some((time.as_secs_f64() * 1000.0).round() / 1000.0);
        self
    }
}
