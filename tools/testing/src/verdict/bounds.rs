// SPDX-License-Identifier: GPL-2.0

//! The limits of a run: which tests may be skipped, and how many guests may have to boot again.

use super::row::{Row, MEANING};

/// The end of the name of a row that reports a guest which had to boot again.
pub const AGAIN: &str = "::boots_at_once";

/// Fails the rows that are skipped without being listed, and the rows of guests that had to boot again if there are too many.
pub fn enforce(rows: &mut [Row]) {
    let again = rows.iter().filter(|row| row.name.ends_with(AGAIN)).count();
    for row in rows {
        let Some(why) = row.skipped.clone().filter(|_| row.ok) else { continue };
        if !MEANING.may_be_skipped.iter().any(|(part, _)| row.name.contains(part)) {
            *row = Row::failed(&row.name, format!("skipped, which it may not be: {why}"));
        } else if row.name.ends_with(AGAIN) && again > 1 {
            // On a busy host the emulator loses a timer now and then.
            *row = Row::failed(&row.name, format!("{again} guests had to boot again: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_must_be_listed_and_one_guest_may_boot_again() {
        for (names, ok) in [
            (&["host::clippy"][..], true),
            (&["guest::samples::load"], false),
            (&["guest::a::boots_at_once"], true),
            (&["guest::a::boots_at_once", "guest::b::boots_at_once"], false),
        ] {
            let mut rows: Vec<_> = names.iter().map(|name| Row::skipped(*name, "why")).collect();
            enforce(&mut rows);
            assert!(rows.iter().all(|row| row.ok == ok), "{names:?}");
        }
    }
}
