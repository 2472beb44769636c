// SPDX-License-Identifier: GPL-2.0

//! What a command found out, for people and for machines.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Result;
use serde::Serialize;

use crate::layout::Layout;

/// One thing that was tested or measured.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// What it is called, as in the output of `make test`.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Why it was skipped, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What was found instead, and where to look.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// How long it took, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The log it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// Values a command has more to say about.
    #[serde(flatten)]
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl Row {
    /// A row that is as it should be.
    pub fn passed(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ok: true,
            ..Self::default()
        }
    }

    /// A row that is not, and why.
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

/// `build/results/<command>.json`.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// The command.
    pub name: &'a str,
    /// The kernel that ran, if one did.
    pub kernel: Option<&'a str>,
    /// From the command's start to its end.
    pub seconds: f64,
    /// How many rows are ok.
    pub passed: usize,
    /// How many are not.
    pub failed: usize,
    /// How many of those that are ok did not run.
    pub skipped: usize,
    /// All of them.
    pub rows: &'a [Row],
}

/// Writes the report of a command; returns how many rows failed.
pub fn write(
    layout: &Layout,
    name: &str,
    kernel: Option<&str>,
    took: Duration,
    rows: &[Row],
) -> Result<usize> {
    let passed = rows.iter().filter(|row| row.ok).count();
    let report = Report {
        name,
        kernel,
        seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
        passed,
        failed: rows.len() - passed,
        skipped: rows.iter().filter(|row| row.skipped.is_some()).count(),
        rows,
    };
    let folder = layout.build.join("results");
    fs::create_dir_all(&folder)?;
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    fs::write(folder.join(format!("{name}.json")), text)?;
    Ok(report.failed)
}
