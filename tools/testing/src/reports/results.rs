// SPDX-License-Identifier: GPL-2.0

//! The results of a command, for people and for programs.

use std::{fs, time::Duration};

use anyhow::Result;
use serde::Serialize;

use super::page;
use crate::{common::layout::Layout, verdict::row::Row};

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
    /// How many rows failed.
    pub failed: usize,
    /// How many of the rows that are ok were skipped.
    pub skipped: usize,
    /// All of them.
    pub rows: &'a [Row],
}

/// Writes the report of a command. Returns the number of failed rows.
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
    let page = page::page(name, kernel, took, rows);
    fs::write(folder.join(format!("{name}.html")), page)?;
    Ok(report.failed)
}

/// Returns the names of the tests in the last report of a command.
pub fn names(layout: &Layout, name: &str) -> Vec<String> {
    let read = || {
        let text = fs::read(layout.build.join(format!("results/{name}.json"))).ok()?;
        let report: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let rows = report["rows"].as_array()?.clone();
        let names = rows
            .into_iter()
            .filter_map(|row| Some(row["name"].as_str()?.to_string()));
        Some(names.collect())
    };
    read().unwrap_or_default()
}
