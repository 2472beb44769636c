// SPDX-License-Identifier: GPL-2.0

//! Merges the rounds of a repeated test into one row, with the number of rounds.

use super::row::Row;
use crate::common::*;

/// Merges rows of the same name. A number at the end of a part of a name, as in `bind_3`, counts rounds and is taken off.
pub fn merge(rows: Vec<Row>) -> Vec<Row> {
    let number = regex(r"_(\d+)(::|$)");
    let mut merged: Vec<(Row, u64)> = Vec::new();
    let mut places = BTreeMap::new();
    for mut row in rows {
        let said = number.captures_iter(&row.name).last().and_then(|found| found[1].parse().ok()).unwrap_or(1);
        row.name = number.replace_all(&row.name, "$2").into_owned();
        let place = *places.entry(row.name.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            None => merged.push((row, said)),
            Some((first, rounds)) => {
                // The value of a single row is its number of rounds.
                let made = first.values.get("rounds").and_then(|n| n.as_u64()).unwrap_or(1) + 1;
                first.values.insert("rounds".into(), made.into());
                *rounds = made;
                first.seconds = first.seconds.zip(row.seconds).map(|(a, b)| a + b);
                if first.ok && !row.ok {
                    first.ok = false;
                    first.message = format!("in round {made}: {}", row.message);
                }
                first.skipped = first.skipped.take().and(row.skipped);
            }
        }
    }
    let told = merged.into_iter().map(|(mut row, rounds)| {
        if rounds > 1 {
            row.values.insert("rounds".into(), rounds.into());
        }
        row
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_one_row_that_fails_if_one_of_them_does() {
        let rows = vec![
            Row::passed("g::bind_0::a"),
            Row::passed("g::bind_0::b"),
            Row::failed("g::bind_1::a", "why"),
            Row::passed("g::bind_2::a"),
        ];
        let merged = merge(rows);
        let names: Vec<_> = merged.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["g::bind::a", "g::bind::b"]);
        assert_eq!(merged[0].values["rounds"], 3);
        assert_eq!(merged[0].message, "in round 2: why");
        assert!(!merged[0].ok && merged[1].ok && merged[1].values.is_empty());
    }

    #[test]
    fn a_single_row_may_say_how_many_rounds_it_makes_by_a_whole_number() {
        for (name, merged, rounds) in [("g::rebind_100", "g::rebind", Some(100)), ("g@stock::8250_pci::h5_x::r2", "", None)] {
            let row = &merge(vec![Row::passed(name)])[0];
            assert_eq!(row.name, if merged.is_empty() { name } else { merged });
            assert_eq!(row.values.get("rounds").and_then(|rounds| rounds.as_u64()), rounds);
        }
    }
}
