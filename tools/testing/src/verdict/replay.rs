// SPDX-License-Identifier: GPL-2.0

//! Compares the trace that a guest prints with the rule.

use model::{replay, rule::Rule};

use super::row::Row;
use crate::common::*;

/// Compares the trace in a guest's log with the rule.
pub fn replay(guest: &str, log: &Path, text: &str) -> Row {
    let name = format!("guest::{guest}::trace_follows_the_rule");
    match Rule::read().and_then(|rule| replay::replay(&rule, text)) {
        Ok(replayed) if replayed.events > 0 => {
            Row::passed(name).with("events", replayed.events).with("decisions", replayed.decisions)
        }
        Ok(_) => Row::failed(name, format!("no events\nlog: {}", log.display())),
        Err(error) => Row::failed(name, format!("{error:#}\nlog: {}", log.display())),
    }
}
