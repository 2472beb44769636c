// SPDX-License-Identifier: GPL-2.0

//! `make test` and `make equivalence`: builds, boots, compares, and presents every result as one test.

use std::{env, process::ExitCode, time::Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use runner::{
    commands::test::{self, Selection},
    common::session::Session,
    reports::{results, summary},
    verdict::row::Row,
};

fn main() -> ExitCode {
    let started = Instant::now();
    let mut arguments = Arguments::from_args();
    let session = Session::new(env::var_os("LINUX").as_deref());
    let long = env::var_os("LONG").is_some_and(|value| value == "1");
    // The filters choose what is run. Failures are shown whatever their name, for example the build that a guest
    // needs.
    let words = env::var("TEST").unwrap_or_default();
    let mut filters: Vec<_> = words.split_whitespace().map(String::from).collect();
    filters.extend(arguments.filter.take());
    let selection = Selection::new(filters.clone(), long);
    let command = if long { "equivalence" } else { "test" };
    let report = results::name(command, &filters);
    if arguments.list {
        // The names of a guest's results are known once it has run.
        let rows = results::rows(&session, command);
        let known = rows.into_iter().filter(|row| selection.has(&row.name));
        let trials = known.map(|row| Trial::test(row.name, || Ok(()))).collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let mut outcome = test::run(&session, &selection);
    outcome.rows.retain(|row| !row.ok || selection.has(&row.name));
    if outcome.rows.is_empty() {
        let nothing = "no test has a name like this; run make test without TEST= to see them all";
        outcome.rows.push(Row::failed("host::selection", nothing));
    }
    let kernel = outcome.kernel.as_deref();
    let written = results::write(&session, &report, kernel, started.elapsed(), &outcome.rows);
    let summary = summary::text(&outcome.rows, started.elapsed());
    let trials = outcome.rows.into_iter().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    print!("report: build/results/{report}.html\n{summary}");
    if let Err(error) = written {
        eprintln!("build/results/{report}.json could not be written: {error:#}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The test has been run already. This only reports its result.
fn trial(row: Row) -> Trial {
    let skipped = row.ok && row.skipped.is_some();
    let result = if row.ok { Ok(()) } else { Err(Failed::from(row.message)) };
    Trial::test(row.name, move || result).with_ignored_flag(skipped)
}
