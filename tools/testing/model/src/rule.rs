// SPDX-License-Identifier: GPL-2.0

//! The rule: the table that the kernel's KUnit suite tests row by row.

use anyhow::{bail, ensure, Context, Result};

/// The path of the table.
const TABLE: &str = include_str!("../../../../drivers/pci/msi/ownership_rule.h");

/// Who frees the vectors that are live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// There are no live vectors.
    #[default]
    None,
    Driver,
    Device,
}

/// A call, or an event of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    AllocExplicit,
    AllocManaged,
    AllocDetaching,
    FreeExplicit,
    FreeManaged,
    FreeOtherType,
    FreeGuard,
    Claim,
    AddOne,
    AddDetaching,
    FreeOne,
    ReleaseGroup,
    Detach,
}

impl Call {
    const ALL: [(&'static str, Self); 13] = [
        ("ALLOC_EXPLICIT", Self::AllocExplicit),
        ("ALLOC_MANAGED", Self::AllocManaged),
        ("ALLOC_DETACHING", Self::AllocDetaching),
        ("FREE_EXPLICIT", Self::FreeExplicit),
        ("FREE_MANAGED", Self::FreeManaged),
        ("FREE_OTHER_TYPE", Self::FreeOtherType),
        ("FREE_GUARD", Self::FreeGuard),
        ("CLAIM", Self::Claim),
        ("ADD_ONE", Self::AddOne),
        ("ADD_DETACHING", Self::AddDetaching),
        ("FREE_ONE", Self::FreeOne),
        ("RELEASE_GROUP", Self::ReleaseGroup),
        ("DETACH", Self::Detach),
    ];
}

/// A decision of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Nothing,
    Allocated,
    Added,
    Claimed,
    Freed,
    FreedOne,
    /// Handlers are released, then the vectors are freed.
    Contained,
    RefusedBusy,
    RefusedDetaching,
    RefusedDeviceOwns,
    RefusedDriverOwns,
    RefusedGuard,
    RefusedHandler,
}

impl Decision {
    const ALL: [(&'static str, Self); 13] = [
        ("NOTHING", Self::Nothing),
        ("ALLOCATED", Self::Allocated),
        ("ADDED", Self::Added),
        ("CLAIMED", Self::Claimed),
        ("FREED", Self::Freed),
        ("FREED_ONE", Self::FreedOne),
        ("CONTAINED", Self::Contained),
        ("REFUSED_BUSY", Self::RefusedBusy),
        ("REFUSED_DETACHING", Self::RefusedDetaching),
        ("REFUSED_DEVICE_OWNS", Self::RefusedDeviceOwns),
        ("REFUSED_DRIVER_OWNS", Self::RefusedDriverOwns),
        ("REFUSED_GUARD", Self::RefusedGuard),
        ("REFUSED_HANDLER", Self::RefusedHandler),
    ];
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub owner: Owner,
    /// `None` where it makes no difference.
    pub guard: Option<bool>,
    /// `None` where it makes no difference.
    pub handler: Option<bool>,
    pub call: Call,
    pub decision: Decision,
    pub after: Owner,
    pub silences: bool,
}

impl Row {
    fn parse(line: &str) -> Result<Self> {
        let inner = line.strip_prefix("RULE(").and_then(|l| l.strip_suffix(')'));
        let words: Vec<&str> = inner.context("no RULE(...)")?.split(',').map(str::trim).collect();
        let [owner, guard, handler, call, decision, after, silences] = words[..] else {
            bail!("{} columns", words.len());
        };
        Ok(Self {
            owner: owner_named(owner)?,
            guard: yes_or_no(guard)?,
            handler: yes_or_no(handler)?,
            call: find(&Call::ALL, call)?,
            decision: find(&Decision::ALL, decision)?,
            after: owner_named(after)?,
            silences: yes_or_no(silences)?.context("ANY is no answer")?,
        })
    }

    fn is_about(&self, call: Call, owner: Owner, guard: bool, handler: bool) -> bool {
        let either = |column: Option<bool>, value| column.is_none_or(|column| column == value);
        self.call == call && self.owner == owner && either(self.guard, guard) && either(self.handler, handler)
    }
}

fn find<T: Copy>(all: &[(&str, T)], word: &str) -> Result<T> {
    let found = all.iter().find(|(name, _)| *name == word);
    Ok(found.with_context(|| format!("what is {word}?"))?.1)
}

fn owner_named(word: &str) -> Result<Owner> {
    let all = [("NONE", Owner::None), ("DRIVER", Owner::Driver), ("DEVICE", Owner::Device)];
    find(&all, word)
}

fn yes_or_no(word: &str) -> Result<Option<bool>> {
    find(&[("YES", Some(true)), ("NO", Some(false)), ("ANY", None)], word)
}

/// The table.
#[derive(Clone, Debug)]
pub struct Rule(Vec<Row>);

impl Rule {
    /// Reads the kernel's table.
    pub fn read() -> Result<Self> {
        Self::parse(TABLE)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut rows: Vec<Row> = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("RULE(")) {
            rows.push(Row::parse(line).with_context(|| line.to_string())?);
        }
        let rule = Self(rows);
        for (_, call) in Call::ALL {
            for owner in [Owner::None, Owner::Driver, Owner::Device] {
                for (guard, handler) in [(false, false), (false, true), (true, false), (true, true)] {
                    let rows = rule.rows(call, owner, guard, handler).count();
                    ensure!(rows < 2, "{rows} rows for {call:?}, {owner:?}, {guard}, {handler}");
                }
            }
        }
        Ok(rule)
    }

    fn rows(&self, call: Call, owner: Owner, guard: bool, handler: bool) -> impl Iterator<Item = &Row> {
        let about = move |row: &&Row| row.is_about(call, owner, guard, handler);
        self.0.iter().filter(about)
    }

    /// Returns the row, if the call can be made in that state.
    pub fn row(&self, call: Call, owner: Owner, guard: bool, handler: bool) -> Option<Row> {
        self.rows(call, owner, guard, handler).next().copied()
    }

    /// Returns the row, if it is the same with and without a handler.
    pub fn row_without_looking(&self, call: Call, owner: Owner, guard: bool) -> Option<Row> {
        let (with, without) = [true, false].map(|h| self.row(call, owner, guard, h)).into();
        (with == without).then_some(with).flatten()
    }

    /// Returns the table with some rows changed.
    #[cfg(test)]
    pub fn with(&self, call: Call, owner: Owner, change: impl Fn(&mut Row)) -> Self {
        let mut rule = self.clone();
        let mut rows = rule.0.iter_mut();
        rows.by_ref().filter(|row| row.call == call && row.owner == owner).for_each(change);
        rule
    }

    /// Returns every row.
    pub fn all(&self) -> &[Row] {
        &self.0
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        let rule = Rule::read().unwrap();
        assert_eq!(rule.len(), TABLE.matches("\nRULE(").count());
        assert_eq!(rule.row(Call::FreeManaged, Owner::Device, true, true).unwrap().decision, Decision::RefusedGuard);
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let row = "RULE(NONE, NO, NO, FREE_MANAGED, NOTHING, NONE, NO)\n";
        assert!(Rule::parse(row).is_ok());
        let other = row.replace("NO, NO, FREE", "NO, ANY, FREE");
        assert!(Rule::parse(&(row.to_string() + &other)).is_err());
    }

    #[test]
    fn a_word_that_is_not_known_is_refused() {
        let row = "RULE(NONE, NO, NO, FREE_MANAGED, NOTHING, NOBODY, NO)\n";
        let error = format!("{:#}", Rule::parse(row).unwrap_err());
        assert!(error.contains("what is NOBODY?"), "{error}");
    }

    #[test]
    fn looking_for_a_handler_is_told_apart() {
        let rule = Rule::read().unwrap();
        let row = |call, owner| rule.row_without_looking(call, owner, false);
        assert!(row(Call::FreeExplicit, Owner::Driver).is_none());
        assert!(row(Call::FreeExplicit, Owner::Device).is_some());
    }
}
