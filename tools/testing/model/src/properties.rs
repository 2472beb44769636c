// SPDX-License-Identifier: GPL-2.0

//! The properties that must hold in every state, and the states that must be reached.

use stateright::Property;

use crate::{
    actions::Ownership,
    machine::Setting,
    rule::Owner,
    state::{Entry, Fault, Handler, Lock::Registry, Phase, State, Step, CORE, OTHER, TASKS, THREAD},
};

/// The properties, each with its name and in words.
pub const PROPERTIES: [(&str, &str); 7] = [
    (
        "handlers-first",
        "No vector is freed while a handler is registered on it, runs or is about to run; at detach the handlers are released first",
    ),
    (
        "silence",
        "When a free has been refused, no handler that was there is called any more, and the device cannot send",
    ),
    (
        "nothing-left",
        "After detach there is no vector, handler, node, MSI data or devres entry, and the device cannot send",
    ),
    (
        "no-deadlock",
        "Whoever is in a call can go on, or waits for somebody who can",
    ),
    (
        "one-owner",
        "Live vectors have the owner that the last successful call gave them, and one entry if that is the device",
    ),
    (
        "busy-changes-nothing",
        "An allocation that is refused changes neither owner nor guard nor silence",
    ),
    (
        "reader",
        "A reader of debugfs never uses a node that has been freed",
    ),
];

/// The states that must be reached, because otherwise the properties would hold only for lack of
/// cases.
pub const REACHED: [&str; 6] = [
    "a device is silenced",
    "handlers are released at detach",
    "the device owns vectors",
    "an allocation is refused",
    "the driver is detached",
    "one waits for another",
];

/// Returns all properties in the form of the checker.
pub fn all() -> Vec<Property<Ownership>> {
    vec![
        Property::always(PROPERTIES[0].0, |_, s: &State| s.fault != Some(Fault::FreedUnderHandler)),
        Property::always(PROPERTIES[1].0, |_, s: &State| {
            let silent = s.live_node().is_none_or(|node| !node.silenced) || !s.sends || (0..TASKS).any(|task| !s.is_idle(task));
            s.fault != Some(Fault::InterruptAfterRefusal) && silent
        }),
        Property::always(PROPERTIES[2].0, |_, s: &State| s.fault != Some(Fault::LeftAfterDetach)),
        Property::always(PROPERTIES[3].0, |model: &Ownership, s: &State| !is_blocked(model, s)),
        Property::always(PROPERTIES[4].0, |model: &Ownership, s: &State| {
            s.fault != Some(Fault::TwoOwners) && has_one_owner(model, s)
        }),
        Property::always(PROPERTIES[5].0, |_, s: &State| s.fault != Some(Fault::BusyChangedOwner)),
        Property::always(PROPERTIES[6].0, |_, s: &State| s.fault != Some(Fault::ReadFreedNode)),
        Property::sometimes(REACHED[0], |_, s: &State| s.node.silenced),
        Property::sometimes(REACHED[1], |_, s: &State| {
            s.phase == Phase::Detaching && s.tasks[CORE].contains(&Step::ReleaseHandlers)
        }),
        Property::sometimes(REACHED[2], |_, s: &State| s.owner() == Owner::Device),
        Property::sometimes(REACHED[3], |_, s: &State| matches!(s.tasks[CORE].last(), Some(Step::CompareNode(_)))),
        Property::sometimes(REACHED[4], |_, s: &State| s.phase == Phase::Unbound && s.is_idle(CORE)),
        Property::sometimes(REACHED[5], |model: &Ownership, s: &State| {
            (0..TASKS).any(|task| !s.is_idle(task) && !model.machine.can_step(s, task))
        }),
    ]
}

/// Returns whether a task is in a call, and no task can go on.
fn is_blocked(model: &Ownership, s: &State) -> bool {
    let busy = (0..TASKS).any(|task| !s.is_idle(task));
    let goes_on = (0..TASKS).any(|task| model.machine.can_step(s, task))
        || s.vectors.iter().any(|v| v.runs != Handler::None)
        || s.vectors[0].awake && s.is_idle(THREAD);
    busy && !goes_on
}

/// Returns whether the node, the entries and the successful calls agree on the owner of the
/// vectors.
fn has_one_owner(model: &Ownership, s: &State) -> bool {
    let settled = s.is_idle(CORE) && s.is_idle(THREAD) && s.held[Registry as usize].is_none();
    let others = model.machine.setting == Setting::Rust && !s.is_idle(OTHER);
    if !settled || others {
        return true;
    }
    let owns = |entry: &&Entry| match entry {
        Entry::Managed(address) => s.live && s.node.managed == Some(*address),
        _ => false,
    };
    let entries = s.devres.iter().filter(owns).count();
    s.owner() == s.due && entries == usize::from(s.owner() == Owner::Device)
}
