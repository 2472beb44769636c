// SPDX-License-Identifier: GPL-2.0

//! The result of kmemleak at the end of a guest, as one row.

use super::{klog::Line, row::Row};
use crate::common::quote;

/// The beginning of the lines of kmemleak's file that the guest's init prints.
const QUOTE: &str = "# kmemleak: ";

/// The line that init prints when kmemleak has scanned the memory.
const SCANNED: &str = "# kmemleak: scanned";

/// A function that leaks memory, by its name in the stack trace of the allocation, and the reason.
pub type Known = (&'static str, &'static str);

/// Leaks that the stock kernel has too.
const STOCK: &[Known] = &[];

/// Judges the objects without a reference: each must have been allocated below a function of `known` or of the stock kernel's
/// leaks.
pub fn judge(guest: &str, lines: &[Line], known: &[Known]) -> Row {
    let name = format!("guest::{guest}::kmemleak");
    let quoted = lines
        .iter()
        .filter_map(|line| line.text.strip_prefix(QUOTE));
    let mut objects: Vec<Vec<&str>> = Vec::new();
    for text in quoted {
        if text.starts_with("unreferenced object") {
            objects.push(Vec::new());
        }
        if let Some(object) = objects.last_mut() {
            object.push(text);
        }
    }
    if !lines.iter().any(|line| line.text == SCANNED) {
        return Row::failed(name, "kmemleak has not scanned the memory");
    }
    let announced = lines.iter().filter_map(|line| {
        let (count, _) = line
            .text
            .strip_prefix("kmemleak: ")?
            .split_once(" new suspected")?;
        count.parse::<usize>().ok()
    });
    let announced: usize = announced.sum();
    if announced > objects.len() {
        let what = format!("{announced} objects, and tells of {}", objects.len());
        return Row::failed(name, format!("kmemleak has found {what}"));
    }
    let known = |object: &Vec<&str>| {
        let mut all = STOCK.iter().chain(known);
        all.any(|(function, _)| object.iter().any(|line| line.contains(function)))
    };
    let found = objects.len();
    objects.retain(|object| !known(object));
    let row = Row::judged(name, objects.is_empty(), || {
        format!(
            "{} objects are leaked, the first:\n{}",
            objects.len(),
            quote(&objects[0])
        )
    });
    row.with("known", found - objects.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::klog;

    const OBJECT: &str =
        "# kmemleak: unreferenced object 0xffff888005 (size 64):\n# kmemleak:   backtrace:\n\
        # kmemleak:     pcim_iomap_regions+0x1/0x2\n";

    fn judged(log: &str, known: &[Known]) -> Row {
        judge("g@debug", &klog::lines(log.as_bytes()), known)
    }

    #[test]
    fn a_leaked_object_fails_unless_it_is_known() {
        let log = format!("{OBJECT}{SCANNED}\n");
        let row = judged(&log, &[]);
        assert!(
            !row.ok && row.message.contains("pcim_iomap_regions"),
            "{row:?}"
        );
        assert!(judged(&log, &[("pcim_iomap_regions", "why")]).ok);
        assert!(!judged(&format!("{OBJECT}{log}"), &[("other", "why")]).ok);
    }

    #[test]
    fn every_object_that_is_found_must_be_told_of() {
        let log = format!("kmemleak: 2 new suspected memory leaks (see x)\n{OBJECT}{SCANNED}\n");
        assert!(!judged(&log, &[("pcim_iomap_regions", "why")]).ok);
    }

    #[test]
    fn the_memory_must_have_been_scanned() {
        assert!(judged(&format!("{SCANNED}\n"), &[]).ok);
        assert!(!judged("guest: finished\n", &[]).ok);
    }
}
