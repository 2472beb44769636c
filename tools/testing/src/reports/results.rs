// SPDX-License-Identifier: GPL-2.0

//! The results of a command, for people and for programs.

use serde_json::json;

use super::page;
use crate::{common::*, verdict::Row};

/// Returns the name of a command's report. That of a part does not replace that of a whole run.
pub fn name(command: &str, chosen: &[String]) -> String {
    let part = if chosen.is_empty() { "" } else { "-some" };
    format!("{command}{part}")
}

/// Writes the report of a command. Returns the number of failed rows.
pub fn write(session: &Session, name: &str, kernel: Option<&str>, took: Duration, rows: &[Row]) -> Result<usize> {
    let passed = rows.iter().filter(|row| row.ok).count();
    let failed = rows.len() - passed;
    let report = json!({
        "name": name,
        "kernel": kernel,
        "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
        "passed": passed,
        "failed": failed,
        "skipped": rows.iter().filter(|row| row.skipped.is_some()).count(),
        "rows": rows,
    });
    let path = json(session, name);
    fs::create_dir_all(session.build.join("results"))?;
    fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    fs::write(path.with_extension("html"), page::page(name, kernel, took, rows))?;
    Ok(failed)
}

/// Writes the report of a command, and prints the rows that failed, the verdict, and the `places` of other files. Returns whether no row failed.
pub fn conclude(session: &Session, name: &str, kernel: Option<&str>, rows: &[Row], places: &str) -> Result<bool> {
    let took = session.started.elapsed();
    let failed = write(session, name, kernel, took, rows)?;
    print_failed(rows);
    let (passed, took) = (rows.len() - failed, elapsed(took));
    let state = if failed == 0 { "ok" } else { "FAILED" };
    let kernel = kernel.map_or(String::new(), |kernel| format!(", Linux {kernel}"));
    println!("\n{name}: {state}. {passed} passed, {failed} failed{kernel}, {took}\n{places}results: build/results/{name}.json");
    Ok(failed == 0)
}

pub fn print_failed(rows: &[Row]) {
    for row in rows.iter().filter(|row| !row.ok) {
        println!("\n{}: {}", row.name, row.message);
    }
}

/// Returns the path of the last report of a command.
pub fn json(session: &Session, name: &str) -> PathBuf {
    session.build.join(format!("results/{name}.json"))
}

/// Returns the rows of the last report of a command.
pub fn rows(session: &Session, name: &str) -> Vec<Row> {
    let read = || {
        let report: serde_json::Value = serde_json::from_slice(&fs::read(json(session, name)).ok()?).ok()?;
        serde_json::from_value(report["rows"].clone()).ok()
    };
    read().unwrap_or_default()
}
