// SPDX-License-Identifier: GPL-2.0

//! `make acceptance`: the requests of reviewers, from a page of the documentation, and whether each is met.
//!
//! A request is met when its tests have passed, and the results are newer than the sources and of the kernel that is built.
//! Tests without such results are run if `make test` can run them, unless `RUN=0`.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result};
use comfy_table::{presets::UTF8_FULL_CONDENSED, ContentArrangement, Table};
use console::style;
use regex::Regex;
use serde::Deserialize;

use crate::{
    commands::test::{self, Selection},
    common::{
        command::{command, output},
        layout::Layout,
        ui::Ui,
    },
    reports::results,
    verdict::row::Row,
};

const PAGE: &str = "Documentation/PCI/irq-vector-acceptance.rst";

/// The files that can change a result.
const SOURCES: &[&str] = &[
    "rust", "drivers", "include", "samples", "scripts", "tools", "Kconfig",
];

/// One request, as the page states it.
#[derive(Debug, Default, PartialEq)]
struct Request {
    number: usize,
    title: String,
    tests: Vec<String>,
    command: Option<String>,
    absent: Option<(String, Vec<String>)>,
    argued: Option<(String, String)>,
}

/// The result of a request.
struct Verdict {
    met: bool,
    ran: bool,
    notes: Vec<String>,
    /// The commands that produce missing results.
    remedies: Vec<String>,
}

/// Reads the page, runs missing tests, and prints which requests are met.
pub fn acceptance(ui: &Ui, layout: &Layout, linux: Option<&Path>) -> Result<bool> {
    let started = Instant::now();
    let page =
        fs::read_to_string(layout.root.join(PAGE)).with_context(|| format!("reading {PAGE}"))?;
    let requests = requests(&page);
    if env::var_os("RUN").is_none_or(|run| run != "0") {
        run_missing(ui, layout, linux, &requests)?;
    }
    let files = files(layout);
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(140);
    }
    table.set_header(["", "request", "verdict", "shown by"]);
    let mut rows = Vec::new();
    let mut commands = BTreeSet::new();
    for request in &requests {
        let Verdict {
            met,
            ran,
            notes,
            remedies,
        } = judge(layout, request, &files);
        commands.extend(remedies);
        let verdict = match (met, ran) {
            (true, true) => style("met").green(),
            (true, false) => style("argued").cyan(),
            (false, _) => style("NOT MET").red(),
        };
        table.add_row([
            request.number.to_string(),
            request.title.clone(),
            verdict.to_string(),
            notes.join("\n"),
        ]);
        let name = format!("acceptance::{:02}", request.number);
        let mut row = if met {
            Row::passed(name)
        } else {
            Row::failed(name, notes.join("\n"))
        };
        row.values.insert("argued".into(), (met && !ran).into());
        row.values.insert("shown_by".into(), notes.into());
        rows.push(row);
    }
    let kernel = release(layout);
    let failed = results::write(
        layout,
        "acceptance",
        kernel.as_deref(),
        started.elapsed(),
        &rows,
    )?;
    println!("\n{table}");
    if !commands.is_empty() {
        println!("\nto be run:");
    }
    for command in commands {
        println!("  {command}");
    }
    println!(
        "\nacceptance: {} of {} met or argued; the requests in full: {PAGE}",
        rows.len() - failed,
        rows.len()
    );
    Ok(failed == 0)
}

/// Returns the requests of the page.
fn requests(page: &str) -> Vec<Request> {
    let title = Regex::new(r"^(\d+)\. (.+)$").expect("a constant expression");
    let field =
        Regex::new(r"^:(Tests|Command|Absent|Argued): (.+)$").expect("a constant expression");
    let quoted = Regex::new(r"``([^`]+)``").expect("a constant expression");
    let mut requests: Vec<Request> = Vec::new();
    for line in page.lines() {
        if let Some(found) = title.captures(line) {
            requests.push(Request {
                number: found[1].parse().unwrap_or_default(),
                title: found[2].into(),
                ..Request::default()
            });
        }
        let (Some(found), Some(request)) = (field.captures(line), requests.last_mut()) else {
            continue;
        };
        let words: Vec<String> = quoted
            .captures_iter(&found[2])
            .map(|w| w[1].into())
            .collect();
        match (&found[1], words.as_slice()) {
            ("Tests", _) => request.tests = words,
            ("Command", [command]) => request.command = Some(command.clone()),
            ("Absent", [pattern, places]) => {
                let places = places.split(' ').map(String::from).collect();
                request.absent = Some((pattern.clone(), places));
            }
            ("Argued", _) => {
                let (file, heading) = found[2].split_once(", ").unwrap_or((&found[2], ""));
                request.argued = Some((file.into(), heading.into()));
            }
            _ => {}
        }
    }
    requests
}

fn judge(layout: &Layout, request: &Request, files: &[File]) -> Verdict {
    let mut verdict = Verdict {
        met: true,
        ran: false,
        notes: Vec::new(),
        remedies: Vec::new(),
    };
    let mut remedies = Vec::new();
    let mut note = |good: bool, text: String| {
        verdict.met &= good;
        verdict.notes.push(text);
    };
    for prefix in &request.tests {
        verdict.ran = true;
        let command = request.command.clone();
        let command = command.unwrap_or_else(|| format!("make test TEST={prefix}"));
        match look(layout, files, prefix) {
            Ok(text) => note(true, format!("{}: {text}", short(prefix))),
            Err(text) => {
                note(false, format!("{}: {text}", short(prefix)));
                remedies.push(command);
            }
        }
    }
    if let Some((pattern, places)) = &request.absent {
        verdict.ran = true;
        let mut grep = command(layout, "grep");
        grep.current_dir(&layout.root).args(["-rnPIm1", pattern]);
        match output(grep.args(places)) {
            None => note(true, format!("nothing matches {pattern}")),
            Some(found) => {
                let first = found.lines().next().unwrap_or_default();
                note(false, format!("{pattern} matches {first}"));
            }
        }
    }
    if let Some((file, heading)) = &request.argued {
        let text = fs::read_to_string(layout.root.join(file)).unwrap_or_default();
        let good = match heading.as_str() {
            "" => !text.is_empty(),
            heading => text.lines().any(|line| line == heading),
        };
        let place = match heading.as_str() {
            "" => file.clone(),
            heading => format!("{file}, \"{heading}\""),
        };
        let word = if good { "argued in" } else { "not there yet:" };
        note(good, format!("{word} {place}"));
    }
    verdict.remedies = remedies;
    verdict
}

/// The beginning of names, without what is in its middle.
fn short(prefix: &str) -> String {
    let parts: Vec<&str> = prefix.trim_end_matches(':').split("::").collect();
    match parts.as_slice() {
        [place, name, .., last] if parts.len() > 3 => format!("{place}::{name}::..{last}"),
        _ => parts.join("::"),
    }
}

/// A file of results.
struct File {
    path: PathBuf,
    written: SystemTime,
    content: Content,
    /// The common beginning of its names: it has all tests whose names begin so, and possibly no others.
    covers: String,
    /// Why it does not count.
    stale: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    kernel: Option<String>,
    rows: Vec<Tested>,
}

#[derive(Deserialize)]
struct Tested {
    name: String,
    ok: bool,
    skipped: Option<String>,
    #[serde(default)]
    message: String,
}

/// The folder for results of what is run here, a file for each beginning of a name.
fn own(layout: &Layout) -> PathBuf {
    layout.build.join("results/acceptance")
}

/// Returns all results, the latest first.
fn files(layout: &Layout) -> Vec<File> {
    let folders = [layout.build.join("results"), own(layout)];
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let paths = entries
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<File> = paths.filter_map(|path| file(layout, path)).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.written));
    files
}

fn file(layout: &Layout, path: PathBuf) -> Option<File> {
    let written = fs::metadata(&path).ok()?.modified().ok()?;
    let content: Content = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    let mut find = command(layout, "find");
    find.current_dir(&layout.root).args(SOURCES);
    find.args(["-type", "f", "-newer"]).arg(&path);
    find.args(["-not", "-name", "*.rst", "-print", "-quit"]);
    let newer = output(&mut find).unwrap_or_else(|| "nobody knows".into());
    let mut stale = (!newer.is_empty()).then(|| format!("older than {}", newer.trim()));
    let kernel = release(layout);
    if content.kernel.is_some() && content.kernel != kernel {
        stale = content.kernel.as_ref().map(|k| format!("of Linux {k}"));
    }
    // A report has failures whatever tests were asked for.
    let names = content
        .rows
        .iter()
        .filter(|row| row.ok)
        .map(|row| row.name.as_str());
    let covers = names.reduce(common).unwrap_or_default().to_string();
    Some(File {
        path,
        written,
        content,
        covers,
        stale,
    })
}

fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let end = same.map_or(a.len().min(b.len()), |((at, _), _)| at);
    &a[..end]
}

/// Returns the latest results of tests whose names begin so.
fn look(layout: &Layout, files: &[File], prefix: &str) -> Result<String, String> {
    let mut stale = None;
    for file in files.iter().filter(|file| prefix.starts_with(&file.covers)) {
        let rows = file.content.rows.iter();
        let rows: Vec<_> = rows.filter(|row| row.name.starts_with(prefix)).collect();
        if rows.is_empty() {
            continue;
        }
        let shown = layout.show(&file.path);
        if let Some(why) = &file.stale {
            stale.get_or_insert(format!("{shown} is {why}"));
            continue;
        }
        let bad = rows.iter().find(|row| !row.ok || row.skipped.is_some());
        return match bad {
            None => Ok(format!("{} passed, {shown}", rows.len())),
            Some(row) if row.ok => Err(format!("{} was skipped, {shown}", row.name)),
            Some(row) => {
                let why = row.message.lines().next().unwrap_or_default();
                Err(format!("{} failed ({why}), {shown}", short(&row.name)))
            }
        };
    }
    Err(stale.unwrap_or_else(|| "no results".into()))
}

/// Runs the tests that have no valid results, one run for each beginning.
fn run_missing(ui: &Ui, layout: &Layout, linux: Option<&Path>, requests: &[Request]) -> Result<()> {
    fs::create_dir_all(own(layout))?;
    let files = files(layout);
    let mut missing = BTreeMap::new();
    for request in requests.iter().filter(|request| request.command.is_none()) {
        for prefix in &request.tests {
            if look(layout, &files, prefix).is_err() {
                missing.insert(prefix.as_str(), ());
            }
        }
    }
    // A beginning that starts with another one is part of it.
    let all: Vec<&str> = missing.keys().copied().collect();
    missing.retain(|prefix, ()| {
        !all.iter()
            .any(|other| other != prefix && prefix.starts_with(other))
    });
    for prefix in missing.into_keys() {
        ui.say(format_args!("\nmake test TEST={prefix}"));
        let started = Instant::now();
        let selection = Selection::of(prefix);
        let mut outcome = test::run(ui, layout, linux, &selection);
        for row in &outcome.rows {
            if !row.ok {
                ui.say(format_args!("{}: {}", row.name, row.message));
            }
        }
        outcome.rows.retain(|row| row.name.starts_with(prefix));
        if outcome.rows.is_empty() {
            outcome.rows.push(Row::failed(prefix, "no such test yet"));
        }
        let name = format!(
            "acceptance/{}",
            prefix.trim_end_matches(':').replace("::", "-")
        );
        let kernel = release(layout);
        results::write(
            layout,
            &name,
            kernel.as_deref(),
            started.elapsed(),
            &outcome.rows,
        )?;
    }
    Ok(())
}

/// Returns the kernel that is built.
fn release(layout: &Layout) -> Option<String> {
    let file = layout.kernel().join("include/config/kernel.release");
    Some(fs::read_to_string(file).ok()?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_twenty_requests_that_each_say_how_they_are_shown() {
        let page = fs::read_to_string(Layout::new().root.join(PAGE)).unwrap();
        let requests = requests(&page);
        assert_eq!(requests.len(), 20);
        for (at, request) in requests.iter().enumerate() {
            assert_eq!(request.number, at + 1);
            let shown =
                !request.tests.is_empty() || request.absent.is_some() || request.argued.is_some();
            assert!(shown, "{request:?}");
        }
        assert_eq!(
            requests[13].argued.as_ref().unwrap().1,
            "Why there is a ``pcim_free_irq_vectors()``"
        );
        assert_eq!(requests[8].command.as_deref(), Some("make series CHECK=1"));
    }

    #[test]
    fn a_narrow_run_does_not_cover_a_wide_request() {
        let rows = |names: &[&str]| names.iter().copied().reduce(common).unwrap().to_string();
        assert_eq!(rows(&["guest::a::x", "host::y"]), "");
        assert_eq!(
            rows(&["guest::a::x1", "guest::a::x1@stock"]),
            "guest::a::x1"
        );
        assert!(!"guest::a::x".starts_with(&rows(&["guest::a::x1", "guest::a::x1@stock"])));
        assert!("guest::a::x".starts_with(&rows(&["guest::a::x1", "guest::a::y"])));
    }
}
