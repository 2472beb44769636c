// SPDX-License-Identifier: GPL-2.0

//! Explores the model, and returns the result.

use stateright::{Checker, HasDiscoveries, Model};

use crate::{
    actions::Ownership,
    machine::Setting,
    properties::{PROPERTIES, REACHED},
    rule::Rule,
};

/// The result of an exploration.
#[derive(Clone, Debug)]
pub struct Explored {
    pub setting: Setting,
    pub states: usize,
    /// The properties that do not hold, each with the actions that led there.
    pub failed: Vec<(&'static str, String)>,
    /// States that must be reached for the rule to mean anything, and are not.
    pub missed: Vec<&'static str>,
}

impl Explored {
    /// A description of the faults.
    pub fn troubles(&self) -> impl Iterator<Item = String> + '_ {
        let failed = self.failed.iter();
        let failed = failed.map(|(name, path)| format!("{name} does not hold after: {path}"));
        let missed = self.missed.iter();
        failed.chain(missed.map(|name| format!("never reached: {name}")))
    }
}

/// Explores all actions of a setting.
pub fn explore(rule: &Rule, setting: Setting) -> Explored {
    run(Ownership::new(rule.clone(), setting, None), HasDiscoveries::All)
}

fn run(model: Ownership, until: HasDiscoveries) -> Explored {
    let setting = model.machine.setting;
    let checker = model.checker().finish_when(until).threads(2).spawn_bfs().join();
    let mut failed = Vec::new();
    for (name, _) in PROPERTIES {
        if let Some(path) = checker.discovery(name) {
            let steps = path.into_actions().into_iter();
            let steps: Vec<String> = steps.map(|action| format!("{action:?}")).collect();
            failed.push((name, steps.join(", ")));
        }
    }
    let mut missed = REACHED.to_vec();
    missed.retain(|name| checker.discovery(name).is_none());
    Explored { setting, states: checker.unique_state_count(), failed, missed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        machine::Broken,
        rule::{Call, Decision, Owner},
    };

    /// A model that is broken in one place, the setting in which that matters, and the property that must
    /// fail.
    const BROKEN: [(Broken, Setting, &str); 14] = [
        (Broken::FreeLooksForNoHandler, Setting::Interrupts, "handlers-first"),
        (Broken::FreeWaitsForNoRelease, Setting::Rust, "handlers-first"),
        (Broken::ContainmentFreesFirst, Setting::Devres, "handlers-first"),
        (Broken::SilenceLeavesGenirq, Setting::Interrupts, "silence"),
        (Broken::SilenceLeavesDevice, Setting::Devres, "silence"),
        (Broken::ResumeForgetsSilence, Setting::Devres, "silence"),
        (Broken::NodeFreesNothing, Setting::Devres, "nothing-left"),
        (Broken::DataWithoutNode, Setting::Devres, "nothing-left"),
        (Broken::DetachAllocates, Setting::Devres, "nothing-left"),
        (Broken::SilenceWaitsForThreads, Setting::Interrupts, "no-deadlock"),
        (Broken::ReleasesUnderLock, Setting::Rust, "no-deadlock"),
        (Broken::StaleEntryFrees, Setting::Devres, "one-owner"),
        (Broken::BusyResetsNode, Setting::Devres, "busy-changes-nothing"),
        (Broken::PointerWithoutLock, Setting::Devres, "reader"),
    ];

    fn find(rule: &Rule, setting: Setting, broken: Option<Broken>) -> Explored {
        let model = Ownership::new(rule.clone(), setting, broken);
        run(model, HasDiscoveries::AnyFailures)
    }

    #[test]
    fn every_property_is_found_broken() {
        let rule = Rule::read().unwrap();
        for (broken, setting, property) in BROKEN {
            let explored = find(&rule, setting, Some(broken));
            let names: Vec<&str> = explored.failed.iter().map(|(name, _)| *name).collect();
            assert!(names.contains(&property), "{broken:?}: {names:?}");
        }
        for (name, _) in PROPERTIES {
            assert!(BROKEN.iter().any(|(_, _, property)| *property == name), "{name}");
        }
    }

    #[test]
    fn a_row_that_is_wrong_is_found() {
        let rule = Rule::read().unwrap();
        let wrong = rule.with(Call::FreeManaged, Owner::Driver, |row| {
            row.decision = Decision::Freed;
            row.after = Owner::None;
            row.silences = false;
        });
        let explored = find(&wrong, Setting::Devres, None);
        assert_eq!(explored.failed[0].0, "handlers-first");
    }
}
