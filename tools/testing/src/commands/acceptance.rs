// SPDX-License-Identifier: GPL-2.0

//! `make acceptance`: the requests of reviewers, from a page of the documentation, and whether each is met.
//!
//! A request is met when the tests that the page names have passed for the present sources. Those of `make test` that have not are
//! run, all at once, unless `RUN=0`.

use std::env;

use crate::{commands::test, common::*, reports::results, verdict::Row};

const PAGE: &str = "Documentation/PCI/irq-vector-acceptance.rst";

/// One request, as the page states it: its fields say how it is shown that it is met.
#[derive(Debug, Default)]
struct Request {
    number: usize,
    title: String,
    fields: BTreeMap<String, String>,
}

impl Request {
    fn quoted(&self, field: &str) -> Vec<&str> {
        self.fields.get(field).into_iter().flat_map(|text| text.split("``").skip(1).step_by(2)).collect()
    }
}

/// Runs the tests that the page names, and prints which requests are met.
pub fn acceptance(session: &Session) -> Result<bool> {
    let requests = requests(&read(&session.root.join(PAGE))?);
    let mut tested = [latest(session, "test"), latest(session, "series")].concat();
    let mut kernel = None;
    let not_met = requests.iter().filter(|r| !r.fields.contains_key("Command") && !judge(session, r, &tested).0);
    let missing: Vec<_> = not_met.flat_map(|r| r.quoted("Tests")).map(String::from).collect();
    if !missing.is_empty() && env::var_os("RUN").is_none_or(|run| run != "0") {
        let selection = test::Selection::new(missing, false);
        let outcome = test::run(session, &selection);
        tested.retain(|row| !selection.has(&row.name));
        tested.extend(outcome.rows);
        kernel = outcome.kernel;
    }
    let mut table = table(["", "request", "verdict", "shown by"]);
    let mut rows = Vec::new();
    for request in &requests {
        let (met, notes) = judge(session, request, &tested);
        let argued = !request.fields.contains_key("Tests") && !request.fields.contains_key("Absent");
        let verdict = match (met, argued) {
            (true, false) => style("met").green(),
            (true, true) => style("argued").cyan(),
            (false, _) => style("NOT MET").red(),
        };
        table.add_row([request.number.to_string(), request.title.clone(), verdict.to_string(), notes.join("\n")]);
        let row = Row::judged(format!("acceptance::{:02}", request.number), met, || notes.join("\n")).with("argued", met && argued);
        rows.push(row.with("shown_by", notes));
    }
    println!("\n{table}");
    rows.extend(tested);
    results::conclude(session, "acceptance", kernel.as_deref(), &rows, &format!("the requests in full: {PAGE}   "))
}

/// Returns the last results of a command, if they are newer than the sources.
fn latest(session: &Session, name: &str) -> Vec<Row> {
    let sources = "rust drivers include samples scripts tools Kconfig".split(' ');
    let last = results::json(session, name);
    let mut find = cmd!(session, "find {sources...} -type f -newer {last} -not -name *.rst -print -quit");
    match output(find.current_dir(&session.root)) {
        Some(newer) if newer.is_empty() => results::rows(session, name),
        _ => Vec::new(),
    }
}

fn requests(page: &str) -> Vec<Request> {
    let title = regex(r"^(\d+)\. (.+)$");
    let field = regex(r"^:(Tests|Command|Absent|Argued): (.+)$");
    let mut requests: Vec<Request> = Vec::new();
    for line in page.lines() {
        if let Some(found) = title.captures(line) {
            requests.push(Request { number: found[1].parse().unwrap_or_default(), title: found[2].into(), ..Request::default() });
        } else if let (Some(found), Some(request)) = (field.captures(line), requests.last_mut()) {
            request.fields.insert(found[1].into(), found[2].into());
        }
    }
    requests
}

/// Returns whether a request is met, and what shows it.
fn judge(session: &Session, request: &Request, tested: &[Row]) -> (bool, Vec<String>) {
    let (mut met, mut notes) = (true, Vec::new());
    let mut note = |good: bool, text: String| {
        met &= good;
        notes.push(text);
    };
    for prefix in request.quoted("Tests") {
        let rows: Vec<_> = tested.iter().filter(|row| row.name.starts_with(prefix)).collect();
        let bad = rows.iter().find(|row| !row.ok || row.skipped.is_some());
        let shown = prefix.trim_end_matches(':');
        match bad {
            None if rows.is_empty() => {
                let command = request.quoted("Command").first().copied().unwrap_or("make test");
                note(false, format!("{shown}: no results; {command} has them"));
            }
            None => note(true, format!("{shown}: {} passed", rows.len())),
            Some(row) if row.ok => note(false, format!("{} was skipped", row.name)),
            Some(row) => note(false, format!("{} failed", row.name)),
        }
    }
    if let [pattern, places] = request.quoted("Absent")[..] {
        let mut grep = cmd!(session, "grep -rnPIm1 {pattern}");
        match output(grep.current_dir(&session.root).args(places.split(' '))) {
            None => note(true, format!("nothing matches {pattern}")),
            Some(found) => {
                let first = found.lines().next().unwrap_or_default();
                note(false, format!("{pattern} matches {first}"));
            }
        }
    }
    if let Some(argued) = request.fields.get("Argued") {
        let (file, heading) = argued.split_once(", ").unwrap_or((argued, ""));
        let text = fs::read_to_string(session.root.join(file)).unwrap_or_default();
        let good = !text.is_empty() && (heading.is_empty() || text.lines().any(|l| l == heading));
        let word = if good { "argued in" } else { "not there yet:" };
        note(good, format!("{word} {file} {heading}").trim_end().into());
    }
    (met, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_twenty_requests_that_each_say_how_they_are_shown() {
        let requests = requests(&fs::read_to_string(Session::new(None).root.join(PAGE)).unwrap());
        assert_eq!(requests.len(), 20);
        for (at, request) in requests.iter().enumerate() {
            assert_eq!(request.number, at + 1);
            let shown = !request.quoted("Tests").is_empty() || request.quoted("Absent").len() == 2;
            assert!(shown || request.fields.contains_key("Argued"), "{request:?}");
        }
        assert!(requests[13].fields["Argued"].ends_with(", Why there is a ``pcim_free_irq_vectors()``"));
        assert_eq!(requests[8].quoted("Command"), ["make series CHECK=1"]);
    }

    #[test]
    fn a_request_is_met_if_each_of_its_tests_has_run_and_passed() {
        let fields = BTreeMap::from([("Tests".to_string(), "``guest::a::``, ``host::b``".to_string())]);
        let request = Request { fields, ..Request::default() };
        let met = |rows: &[Row]| judge(&Session::new(None), &request, rows).0;
        let (a, b) = (Row::passed("guest::a::x"), Row::passed("host::b"));
        assert!(met(&[a.clone(), b.clone()]));
        assert!(!met(std::slice::from_ref(&a)));
        assert!(!met(&[a.clone(), b, Row::failed("guest::a::y", "")]));
        assert!(!met(&[a, Row::skipped("host::b", "why")]));
    }
}
