// SPDX-License-Identifier: GPL-2.0

//! `make test` and `make equivalence`: builds, boots, compares, and presents every result as one test.

use std::{env, process::ExitCode, time::Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use runner::{
    layout::Layout,
    results::{self, Row},
    suite::{self, Selection},
    ui::Ui,
};

fn main() -> ExitCode {
    let started = Instant::now();
    let mut arguments = Arguments::from_args();
    if arguments.list {
        // The names are in what the guests print.
        println!("0 tests, 0 benchmarks");
        return ExitCode::SUCCESS;
    }
    let (ui, layout) = (Ui::new(), Layout::new());
    let linux = env::var_os("LINUX").and_then(|tree| layout.named(&tree));
    // The filter chooses what is run; what fails is shown whatever its name, such as the build that a guest needs.
    let filter = arguments.filter.take();
    let long = env::var_os("LONG").is_some_and(|value| value == "1");
    let selection = Selection::new(filter.clone(), long);
    let mut outcome = suite::run(&ui, &layout, linux.as_deref(), &selection);
    let chosen = |row: &Row| {
        filter
            .as_ref()
            .is_none_or(|f| row.name.contains(f.as_str()))
    };
    outcome.rows.retain(|row| !row.ok || chosen(row));
    if outcome.rows.is_empty() {
        let nothing = "no test has a name like this; run make test without TEST= to see them all";
        outcome.rows.push(Row::failed("host::selection", nothing));
    }
    // What is run by name does not take the place of what is whole.
    let report = match (long, &filter) {
        (false, None) => "test",
        (false, Some(_)) => "test-some",
        (true, None) => "equivalence",
        (true, Some(_)) => "equivalence-some",
    };
    let written = results::write(
        &layout,
        report,
        outcome.kernel.as_deref(),
        started.elapsed(),
        &outcome.rows,
    );
    let trials = outcome.rows.into_iter().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(error) = written {
        eprintln!("build/results/{report}.json could not be written: {error:#}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The test has been run; all that is left is to say what came of it.
fn trial(row: Row) -> Trial {
    let skipped = row.ok && row.skipped.is_some();
    let result = if row.ok {
        Ok(())
    } else {
        Err(Failed::from(row.message))
    };
    Trial::test(row.name, move || result).with_ignored_flag(skipped)
}
