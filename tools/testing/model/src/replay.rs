// SPDX-License-Identifier: GPL-2.0

//! Replays the trace events `pci_irq_vectors:*` of a guest: each event must be the decision of the rule in the state
//! before it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{ensure, Context, Result};
use regex::Regex;

use crate::rule::{Decision, Owner, Row, Rule};

/// The prefix of an event that a guest's script prints.
pub const MARK: &str = "trace: ";

/// The known state of a device: the owner of its vectors, and their number.
type Known = (Owner, u32);

/// The result of a replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    pub events: usize,
    pub devices: usize,
    /// The number of different pairs of a decision and its state.
    pub decisions: usize,
}

struct Event<'a> {
    name: &'a str,
    device: &'a str,
    owner: Owner,
    count: u32,
    reason: Option<&'a str>,
}

/// Replays the events in a log. At its end no device may have vectors.
pub fn replay(rule: &Rule, log: &str) -> Result<Replayed> {
    let grammar = Regex::new(r"^pci_irq_vectors_(\w+): (\S+) owner=(none|driver|device) type=\S+ count=(\d+)(?: reason=(\S+))?$")?;
    let mut devices: BTreeMap<&str, BTreeSet<Known>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut replayed = Replayed::default();
    for line in log.lines().filter_map(|line| line.strip_prefix(MARK)) {
        let event = parse(&grammar, line).with_context(|| format!("no event: {line}"))?;
        let none = || BTreeSet::from([(Owner::None, 0)]);
        let known = devices.entry(event.device).or_insert_with(none);
        let mut after = BTreeSet::new();
        for (owner, count) in known.iter().copied() {
            for row in rule.all().iter().filter(|row| row.owner == owner) {
                if let Some(count) = fits(&event, row, count) {
                    seen.insert((owner, format!("{:?}", row.decision)));
                    after.insert((row.after, count));
                }
            }
        }
        ensure!(!after.is_empty(), "the rule does not decide so: {line}\nbefore it: {known:?}");
        *known = after;
        replayed.events += 1;
    }
    for (device, known) in &devices {
        let gone = known.iter().any(|(owner, _)| *owner == Owner::None);
        ensure!(gone, "{device} has vectors at the end: {known:?}");
    }
    replayed.devices = devices.len();
    replayed.decisions = seen.len();
    Ok(replayed)
}

fn parse<'a>(grammar: &Regex, line: &'a str) -> Option<Event<'a>> {
    let found = grammar.captures(line)?;
    let word = |at: usize| found.get(at).map(|word| word.as_str());
    Some(Event {
        name: word(1)?,
        device: word(2)?,
        owner: match word(3)? {
            "driver" => Owner::Driver,
            "device" => Owner::Device,
            _ => Owner::None,
        },
        count: word(4)?.parse().ok()?,
        reason: word(5),
    })
}

/// Returns the number of vectors after the event, if the event matches the row.
fn fits(event: &Event<'_>, row: &Row, count: u32) -> Option<u32> {
    let (name, reason, owner, told, left) = match row.decision {
        Decision::Nothing => return None,
        Decision::Allocated => ("alloc", None, row.after, event.count, event.count),
        Decision::Added => ("alloc", None, row.owner, 1, count + 1),
        Decision::Claimed => ("claim", None, row.after, count, count),
        Decision::Freed => ("free", None, row.owner, count, 0),
        Decision::FreedOne => ("free", None, row.owner, 1, count.checked_sub(1)?),
        Decision::Contained => ("contain", None, row.owner, count, 0),
        Decision::RefusedBusy => ("refuse", Some("alloc-busy"), row.owner, count, count),
        Decision::RefusedDetaching => ("refuse", Some("alloc-detaching"), row.owner, count, count),
        Decision::RefusedDeviceOwns => ("refuse", Some("free-device-owns"), row.owner, count, count),
        Decision::RefusedDriverOwns => ("refuse", Some("free-driver-owns"), row.owner, count, count),
        Decision::RefusedGuard => ("refuse", Some("free-rust-guard"), row.owner, count, count),
        Decision::RefusedHandler => ("refuse", Some("free-handler"), row.owner, count, count),
    };
    let same = event.name == name && event.reason == reason && event.owner == owner && event.count == told;
    same.then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(lines: &[&str]) -> Result<Replayed> {
        let line = |line: &&str| format!("{MARK}pci_irq_vectors_{line}\n");
        let log: String = lines.iter().map(line).collect();
        replay(&Rule::read().unwrap(), &log)
    }

    const ALLOC: &str = "alloc: 0000:00:01.0 owner=driver type=MSI-X count=2";
    const ADD: &str = "alloc: 0000:00:01.0 owner=driver type=MSI-X count=1";
    const FREE_ONE: &str = "free: 0000:00:01.0 owner=driver type=MSI-X count=1";
    const FREE: &str = "free: 0000:00:01.0 owner=driver type=MSI-X count=2";
    const BUSY: &str = "refuse: 0000:00:01.0 owner=driver type=MSI-X count=2 reason=alloc-busy";

    #[test]
    fn what_the_rule_decides_fits() {
        let found = replayed(&[ALLOC, ADD, FREE_ONE, BUSY, FREE]).unwrap();
        assert_eq!((found.events, found.devices, found.decisions), (5, 1, 5));
    }

    #[test]
    fn one_vector_of_one_may_go_alone() {
        assert!(replayed(&[ADD, FREE_ONE]).is_ok());
        // The vector was freed alone, and another one was added.
        assert!(replayed(&[ADD, FREE_ONE, ADD, FREE_ONE]).is_ok());
    }

    #[test]
    fn what_it_does_not_decide_does_not() {
        for lines in [
            &[FREE][..],
            &[ALLOC, ALLOC, FREE],
            &[BUSY],
            &[ALLOC],
            &[ALLOC, "free: 0000:00:01.0 owner=device type=MSI-X count=2"],
            &["refuse: 0000:00:01.0 owner=device type=MSI count=1 reason=free-device-owns"],
        ] {
            assert!(replayed(lines).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error() {
        assert!(replayed(&["alloc: 0000:00:01.0 owner=nobody type=MSI count=1"]).is_err());
    }

    #[test]
    fn nothing_is_replayed_where_nothing_is_printed() {
        let nothing = replay(&Rule::read().unwrap(), "pci_irq_vectors_free: x\n").unwrap();
        assert_eq!(nothing, Replayed::default());
    }
}
