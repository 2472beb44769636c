// SPDX-License-Identifier: GPL-2.0

//! The report of a run as a page for a browser.

use maud::{html, DOCTYPE};

use super::summary::{Summary, NUMBERS};
use crate::{common::*, verdict::Row};

const STYLE: &str = "body{font:15px sans-serif;max-width:70em;margin:2em auto}table{border-collapse:collapse}\
    td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc;vertical-align:top}\
    .failed{color:#b00}.skipped{color:#850}pre{white-space:pre-wrap}";

pub fn page(name: &str, kernel: Option<&str>, took: Duration, rows: &[Row]) -> String {
    let summary = Summary::new(rows);
    let failed: Vec<_> = rows.iter().filter(|row| !row.ok).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "make " (name) } style { (STYLE) } }
            body {
                h1 { "make " (name) ": " @if failed.is_empty() { "ok" } @else { (failed.len()) " failed" } }
                p { @if let Some(kernel) = kernel { "Linux " (kernel) ", " } (elapsed(took)) }
                table {
                    tr { th { "area" } @for name in NUMBERS { th { (name) } } }
                    @for (name, numbers) in &summary.areas {
                        tr { td { (name) } @for number in numbers { td { (number) } } }
                    }
                }
                @for row in &failed {
                    h3.failed id=(row.name) { (row.name) }
                    pre { (row.message) }
                }
                h2 { "Slowest guests" }
                table { @for (name, seconds) in &summary.slowest {
                    tr { td { (name) } td { (elapsed(Duration::from_secs_f64(*seconds))) } }
                } }
                h2 { "Skipped" }
                table { @for (name, why) in &summary.skipped { tr { td { (name) } td { (why) } } } }
                h2 { "All tests" }
                table {
                    tr { th { "test" } th { "result" } th { "rounds" } th { "seconds" } th { "log" } }
                    @for row in rows {
                        tr class=(row.result()) {
                            td { @if row.ok { (row.name) } @else { a href={ "#" (row.name) } { (row.name) } } }
                            td { (row.result()) }
                            td { @if let Some(rounds) = row.values.get("rounds") { (rounds) } }
                            td { @if let Some(seconds) = row.seconds { (seconds) } }
                            td { @if let Some(log) = &row.log { (log.display()) } }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}
