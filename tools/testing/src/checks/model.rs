// SPDX-License-Identifier: GPL-2.0

//! The model of the rule, explored completely.

use model::{figures, rule::Rule};

use crate::{common::*, verdict::Row};

/// The beginning of the names of the model's tests.
pub const PREFIX: &str = "host::model::";

/// Explores the model, and compares its figures with those in the documentation.
pub fn explore(session: &Session) -> Result<Vec<Row>> {
    session.stage("model", "exploring the model of the rule", |_| {
        let started = Instant::now();
        let rule = Rule::read()?;
        let explored = figures::explore_all(&rule);
        let explored_rows = explored.iter().map(|setting| {
            let name = format!("{PREFIX}{:?}", setting.setting).to_lowercase();
            Row::of(name, setting.troubles().collect::<Vec<_>>().join("\n")).with("states", setting.states)
        });
        let mut rows: Vec<_> = explored_rows.collect();
        let name = format!("{PREFIX}figures");
        let written = figures::are_written(&session.root, &figures::tables(&rule, &explored))?;
        let row = Row::judged(name, written, || format!("{} has other figures", figures::PAGE));
        rows.push(row.or_remedy("make model").took(started.elapsed()));
        let states: usize = explored.iter().map(|setting| setting.states).sum();
        Ok((format!("{states} states"), rows))
    })
}
