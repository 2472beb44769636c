// SPDX-License-Identifier: GPL-2.0

//! The guests, which are in `tools/testing/guests.toml`: how they are booted, and on what their kernels must agree.

use crate::{common::*, guest::*, kernel::*, verdict::*};

/// Returns every guest of `make test`, the longest first.
pub fn guests() -> &'static [GuestSpec] {
    &TABLE.guest
}

pub fn guest(name: &str) -> &'static GuestSpec {
    let mut all = TABLE.guest.iter().chain(&TABLE.other);
    all.find(|guest| guest.name == name).unwrap_or_else(|| panic!("guests.toml has no guest {name}"))
}

/// The file `tools/testing/guests.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Texts of reports, by the names that guests use.
    #[serde(borrow)]
    reports: BTreeMap<&'static str, &'static str>,
    /// Devices that guests share.
    devices: BTreeMap<&'static str, Vec<&'static str>>,
    /// The converted drivers that run on the software PCI bus each time.
    converted: Vec<&'static str>,
    guest: Vec<GuestSpec>,
    /// The guests of other commands than `make test`.
    other: Vec<GuestSpec>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table: Table = data(include_str!("../../guests.toml"));
    for guest in table.guest.iter_mut().chain(&mut table.other) {
        if guest.script.is_empty() {
            guest.script = guest.name;
        }
        guest.provokes = guest.provokes.iter().map(|report| table.reports[report]).collect::<Vec<_>>().leak();
        let devices = |device: &&'static str| match device.strip_prefix('@') {
            Some(shared) => table.devices[shared].clone(),
            None => vec![*device],
        };
        guest.devices = guest.devices.iter().flat_map(devices).collect::<Vec<_>>().leak();
    }
    table.guest.extend(std::mem::take(&mut table.converted).into_iter().map(converted::guest));
    table
});

/// What booted guests gave, or the row that says why one could not run, by its place among the runs.
type Booted = BTreeMap<usize, Result<Ran, Row>>;

/// Boots guests, two at a time, each on its kernel in `ready`. A guest that could not run at all is a failed row.
pub fn boot(session: &Session, ready: &BTreeMap<Kernel, Ready>, runs: &[Run]) -> Booted {
    let next = Mutex::new(runs.iter().enumerate());
    let done: Mutex<Booted> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| loop {
                let Some((at, run)) = next.lock().expect("no holder panics").next() else { break };
                // A kernel that could not be built is a failed row already.
                let Some(ready) = ready.get(&run.kernel) else { continue };
                let ran = run.run(session, ready).map_err(|e| Row::failed(format!("guest::{}::boot", run.name()), e.to_string()));
                done.lock().expect("no holder panics").insert(at, ran);
            });
        }
    });
    done.into_inner().expect("no holder panics")
}

/// Returns the rows of booted guests, each with its place in `runs`, and the rows of results on which some of them must agree.
pub fn rows(session: &Session, ready: &BTreeMap<Kernel, Ready>, runs: &[Run], done: Booted) -> Vec<Row> {
    let agreements = agreements(session, ready, runs, &done);
    let rows = |ran: Result<Ran, Row>| ran.map_or_else(|row| vec![row], |ran| ran.rows.into_iter().chain(ran.again).collect());
    done.into_values().flat_map(rows).chain(agreements).collect()
}

/// Returns the rows of results on which the guests of a kernel and of its counterpart must agree.
pub fn agreements(session: &Session, ready: &BTreeMap<Kernel, Ready>, runs: &[Run], done: &Booted) -> Vec<Row> {
    let ran = |guest: &str, kernel| {
        let (at, run) = runs.iter().enumerate().find(|(_, run): &(usize, &Run)| run.guest.name == guest && run.kernel == kernel)?;
        let ran = done.get(&at)?.as_ref().ok()?;
        Some(Side { name: run.name(), text: &ran.text, log: session.show(&ran.log) })
    };
    let mut rows = Vec::new();
    for run in runs {
        let guest = run.guest;
        let Some(counterpart) = run.kernel.counterpart() else { continue };
        if let (Some(theirs), Some(ours)) = (ran(guest.name, counterpart), ran(guest.name, run.kernel)) {
            rows.extend(match guest.name {
                sequences::NAME => sequences::agree(session, ready, run, &theirs, &ours),
                _ => compare(&run.name(), guest.agrees, &theirs, &ours),
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_of_commands_exist() {
        for name in ["boot", "bench", "series", sequences::NAME, sequences::ON_SOFT] {
            assert_eq!(guest(name).name, name);
        }
    }
}
