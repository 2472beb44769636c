// SPDX-License-Identifier: GPL-2.0

//! `make converted`: runs every converted driver that has a description on the software PCI bus, in its own guest, with the option
//! off and on, and shows how far each comes.

use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::{
    checks::tree_report,
    common::*,
    guest::{
        converted::{guest, DEBUG_CLOCK, DEBUG_KERNELS, KERNELS},
        *,
    },
    host::packages,
    kernel::*,
    reports::{results, rst},
    verdict::Row,
};

/// The tests of `guest/converted.sh` that show how far a driver comes, each with its word in the table.
const STEPS: [(&str, &str); 5] =
    [("loads", "loaded"), ("probed", "probed"), ("reached", "reached"), ("bound", "bound"), ("rebinds", "rebound")];

/// A file in `guest/converted`: a driver, and the function that it is given. Without a function it says only why the driver cannot run.
#[derive(Debug, PartialEq)]
struct Described {
    name: String,
    runs: bool,
    /// The converted files that it runs.
    files: Vec<String>,
    /// The reasons why it comes no further, is not suspended, or is not pulled out, if it is known not to.
    stops: String,
}

impl Described {
    fn parse(name: &str, text: &str) -> Self {
        let about = |key: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.strip_prefix(key)).map(|value| value.trim().into()).collect()
        };
        Self {
            name: name.into(),
            runs: text.lines().any(|line| line == "plug"),
            files: about("# file: "),
            stops: [("# stops: ", ""), ("# starves: ", "memory: "), ("# wakes: ", "suspend: "), ("# stays: ", "removal: ")]
                .iter()
                .flat_map(|(key, what)| about(key).into_iter().map(move |why| format!("{what}{why}")))
                .collect::<Vec<_>>()
                .join("; "),
        }
    }
}

fn described(session: &Session) -> Result<Vec<Described>> {
    let all = files(&session.testing().join("guest/converted"), &[])?.into_iter();
    let described = |path: PathBuf| Ok(Described::parse(&path.file_name().unwrap_or_default().to_string_lossy(), &read(&path)?));
    all.map(described).collect()
}

/// The tests of what a driver that is bound goes through, each with its word in the table.
const EVENTS: [(&str, &str); 4] =
    [("interrupts", "interrupt"), ("starves", "memory"), ("sleeps", "suspend"), ("leaves", "removal")];

/// Returns whether rows of a guest say that a step was taken.
fn taken(rows: &[Row], step: &str) -> bool {
    let end = format!("::{step}");
    let mut of_step = rows.iter().filter(|row| row.name.ends_with(&end));
    of_step.any(|row| row.ok && row.skipped.is_none())
}

/// Returns the word for the last step that the rows say was taken.
fn furthest(rows: &[Row]) -> &'static str {
    STEPS.iter().rev().find(|(step, _)| taken(rows, step)).map_or("compiled", |(_, word)| word)
}

/// Returns one row for a driver on a kernel, made of the rows of its guest.
fn summary(name: String, rows: Vec<Row>) -> Row {
    let words: Vec<_> = rows.iter().filter(|row| !row.ok).map(|row| format!("{}: {}", row.name, row.message)).collect();
    let row = Row {
        log: rows.iter().find_map(|row| row.log.clone()),
        seconds: rows.last().and_then(|row| row.seconds),
        ..Row::of(name, words.join("\n"))
    };
    let row = row.with("came", furthest(&rows));
    EVENTS.iter().fold(row, |row, (step, _)| row.with(step, taken(&rows, step)))
}

/// Runs the drivers whose names begin with one of `names`, or all if there are no names; with `debug` on kernels with sanitizers, on
/// which allocations fail. Returns `false` if one did not come as far as it is known to, or left something.
pub fn converted(session: &Session, names: &[String], debug: bool) -> Result<bool> {
    let started = Instant::now();
    let mut all = described(session)?;
    all.retain(|one| is_chosen(names, &one.name));
    let running = all.iter().filter(|one| one.runs).count();
    if running == 0 {
        return Err(Failure::new("no such driver is described").remedy("see tools/testing/guest/converted for their names").into());
    }
    let prepared = prepare::source(session, packages::set("tests"))?;
    let (kernels, name) = if debug { (DEBUG_KERNELS, "converted-debug") } else { (KERNELS, "converted") };
    let [off, on] = kernels;
    let mut ready = BTreeMap::new();
    for (which, name) in [(on, name.to_string()), (off, format!("{name}-off"))] {
        ready.insert(which, prepare::build(&prepared, &KernelSpec::named(&prepared, &name)?, which, &BTreeSet::new())?);
    }
    let mut runs = Vec::new();
    for one in all.iter().filter(|one| one.runs) {
        // The kernel frees an interrupt without looking whether there was memory for its files.
        let tolerates: &[&str] = if debug { &["remove_proc_entry"] } else { &[] };
        let plain = guest(&one.name);
        let devices = if debug { DEBUG_CLOCK } else { plain.devices };
        let guest: &'static GuestSpec = Box::leak(Box::new(GuestSpec { tolerates, devices, ..plain }));
        runs.extend(kernels.map(|kernel| Run::new(guest, kernel)));
    }
    let mut done = list::boot(session, &ready, &runs);
    let mut differing = list::agreements(session, &ready, &runs, &done);
    differing.retain(|row| !row.ok);
    let rows: Vec<_> = runs
        .iter()
        .enumerate()
        .map(|(at, run)| {
            let mut rows = match done.remove(&at) {
                Some(Ok(ran)) => ran.rows,
                Some(Err(row)) => vec![row],
                None => vec![Row::failed("guest", "it did not run")],
            };
            let prefix = format!("guest::{}::agrees", run.name());
            rows.extend(differing.iter().filter(|row| row.name.starts_with(&prefix)).cloned());
            summary(run.name(), rows)
        })
        .collect();
    let release = &ready[&on].kernel.release;
    let report = results::name(if debug { "converted-debug" } else { "converted" }, names);
    let failed = results::write(session, &report, Some(release), started.elapsed(), &rows)?;
    println!("\n{}", table(&all, &rows));
    results::print_failed(&rows);
    if names.is_empty() {
        write_page(session, release, &all, &rows, debug)?;
    }
    println!(
        "\nconverted: {}. {running} drivers, {failed} of {} runs failed\nresults: build/results/{report}.json",
        if failed == 0 { "ok" } else { "FAILED" },
        rows.len(),
    );
    Ok(failed == 0)
}

fn came(row: &Row) -> String {
    let came = row.values.get("came").and_then(|came| came.as_str());
    let failed = if row.ok { "" } else { ", FAILED" };
    format!("{}{failed}", came.unwrap_or("compiled"))
}

const HEAD: [&str; 6] = ["run as", "file", "off", "on", "goes through", "what stops it"];

/// Returns the cells of a driver with each of its files, from its rows: one for each kernel, or none if it did not run.
fn cells(one: &Described, rows: &[Row]) -> Vec<Vec<String>> {
    let name = if one.runs { &one.name } else { "not run" };
    let mut both: Vec<_> = rows.iter().map(came).collect();
    both.resize(KERNELS.len(), "compiled".into());
    let taken = |step| one.runs && rows.iter().all(|row| row.values.get(step) == Some(&true.into()));
    let events: Vec<_> = EVENTS.iter().filter(|(step, _)| taken(*step)).map(|(_, word)| *word).collect();
    let events = events.join(", ");
    let cells = |file: &String| {
        let mut cells = vec![name.into(), file.clone()];
        cells.extend(both.iter().cloned());
        cells.extend([events.clone(), one.stops.clone()]);
        cells
    };
    one.files.iter().map(cells).collect()
}

fn all_cells(all: &[Described], rows: &[Row]) -> Vec<Vec<String>> {
    let mut rows = rows.chunks(KERNELS.len()).peekable();
    let mut of = |one: &Described| rows.next_if(|_| one.runs).unwrap_or_default();
    all.iter().flat_map(|one| cells(one, of(one))).collect()
}

fn table(all: &[Described], rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(HEAD);
    table.add_rows(all_cells(all, rows));
    table
}

/// Writes its part of the page whose beginning `make tree-check` writes.
fn write_page(session: &Session, release: &str, all: &[Described], rows: &[Row], debug: bool) -> Result<()> {
    let path = session.root.join(tree_report::PAGE);
    let page = read(&path)?;
    let mut lines = vec![HEAD.map(String::from).to_vec()];
    lines.extend(all_cells(all, rows));
    let table = rst::table(&lines);
    let (plain, with_debug) = page.split_once(tree_report::DEBUG_RUNS).unwrap_or((&page, ""));
    let (head, _) = plain.split_once(tree_report::RUNS).unwrap_or((plain, ""));
    let (mut page, with_debug) = match debug {
        true => (plain.trim_end().to_string(), written_debug(release, &table)),
        false => (format!("{}\n\n{}", head.trim_end(), written(session, release, all, &table)?.trim_end()), with_debug.to_string()),
    };
    if !with_debug.is_empty() {
        page += &format!("\n\n{}\n{}", tree_report::DEBUG_RUNS, with_debug.trim());
    }
    fs::write(&path, page + "\n")?;
    Ok(())
}

fn written_debug(release: &str, table: &str) -> String {
    format!(
        "With sanitizers, and without memory\n===================================\n\n\
         The same on kernels of Linux {release} that look for mistakes: with KASAN, lockdep,\n\
         CONFIG_DEBUG_SHIRQ, DEBUG_OBJECTS, and others. \"memory\": about twenty of the allocations\n\
         of memory in its probe() failed, one each time that it was bound, spread over all of them.\n\
         It bound or did not, was unbound, and left nothing.\n\n{table}"
    )
}

fn written(session: &Session, release: &str, all: &[Described], table: &str) -> Result<String> {
    let files = drivers::converted(session)?;
    let described: BTreeSet<_> = all.iter().flat_map(|one| &one.files).collect();
    let without: Vec<_> = files.iter().map(|c| c.file.display().to_string()).filter(|file| !described.contains(file)).collect();
    let mut end = format!(
        "{}\nHow far they come\n=================\n\n\
         Each of {} drivers has a function of the software PCI bus\n\
         (Documentation/PCI/pci-soft.rst) and a guest of its own, on Linux {release} for x86-64.\n\
         \"off\" and \"on\" is CONFIG_PCI_DEVRES_RUST; with \"off\" the vectors are allocated and\n\
         freed by the code of the stock kernel. \"loaded\": the module is there. \"probed\": the\n\
         driver looked at the function. \"reached\": it allocated vectors, or tried to. \"bound\":\n\
         its probe() succeeded. \"rebound\": it was unbound and bound again three times.\n\
         With both it went through what the fifth column says: its handler ran for an\n\
         interrupt that was raised, it was suspended and resumed, the device was pulled out\n\
         while the driver was bound. It takes and gives back the same managed resources in the\n\
         same order with both, save for the vectors. But for \"FAILED\", it left nothing when its\n\
         module and the bus were removed.\n\n{table}",
        tree_report::RUNS,
        all.iter().filter(|one| one.runs).count(),
    );
    if !without.is_empty() {
        end += &format!(
            "\n{} converted files have no description yet, and have not run here:\n\n- {}\n",
            without.len(),
            without.join("\n- ")
        );
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_what_it_is_about() {
        let one = Described::parse("x", "# file: a.c\n# file: b.c\n# stops: late\n# stays: hangs\nids 1 2\n");
        assert_eq!(one.files, ["a.c", "b.c"]);
        assert_eq!(one.stops, "late; removal: hangs");
        assert!(!one.runs);
        assert!(Described::parse("x", "# file: a.c\nids 1 2\nplug\n").runs);
    }

    #[test]
    fn what_is_described_is_converted() {
        let session = Session::new(None);
        let files = drivers::converted(&session).unwrap();
        for one in described(&session).unwrap() {
            assert!(!one.files.is_empty(), "{}", one.name);
            assert!(one.runs || !one.stops.is_empty(), "{}", one.name);
            for file in &one.files {
                assert!(files.iter().any(|c| c.file == Path::new(file)), "{}: {file}", one.name);
            }
        }
    }

    #[test]
    fn a_step_that_is_skipped_or_failed_was_not_taken() {
        let (loads, probed) = (Row::passed("g::loads"), Row::passed("g::probed"));
        assert_eq!(furthest(&[loads, probed, Row::skipped("g::reached", "why")]), "probed");
        assert_eq!(furthest(&[Row::failed("g::loads", "why")]), "compiled");
    }
}
