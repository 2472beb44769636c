// SPDX-License-Identifier: GPL-2.0

//! The result of kmemleak at the end of a guest, as one row.

use super::{klog::Line, row::Row};
use crate::common::*;

/// The beginning of the lines of kmemleak's file that the guest's init prints.
const QUOTE: &str = "# kmemleak: ";

/// Returns a row that fails if there is an object without a reference.
pub fn judge(guest: &str, lines: &[Line]) -> Row {
    let name = format!("guest::{guest}::kmemleak");
    let texts = || lines.iter().map(|line| line.text.as_str());
    let mut objects: Vec<Vec<&str>> = Vec::new();
    for text in texts().filter_map(|text| text.strip_prefix(QUOTE)) {
        if text.starts_with("unreferenced object") {
            objects.push(Vec::new());
        }
        if let Some(object) = objects.last_mut() {
            object.push(text);
        }
    }
    if !texts().any(|text| text == "# kmemleak: scanned") {
        return Row::failed(name, "kmemleak has not scanned the memory");
    }
    let announced = texts().filter_map(|text| {
        let (count, _) = text.strip_prefix("kmemleak: ")?.split_once(" new suspected")?;
        count.parse::<usize>().ok()
    });
    let (announced, found) = (announced.sum::<usize>(), objects.len());
    if announced > found {
        return Row::failed(name, format!("kmemleak has found {announced} objects, and tells of {found}"));
    }
    Row::judged(name, objects.is_empty(), || format!("{found} objects are leaked, the first:\n{}", quote(&objects[0])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::klog;

    const OBJECT: &str = "# kmemleak: unreferenced object 0xffff888005 (size 64):\n# kmemleak:   backtrace:\n\
        # kmemleak:     pcim_iomap_regions+0x1/0x2\n";

    #[test]
    fn nothing_may_leak() {
        let found = "kmemleak: 2 new suspected memory leaks (see x)\n";
        for (log, says) in [
            ("# kmemleak: scanned\n".into(), ""),
            (format!("{OBJECT}# kmemleak: scanned\n"), "pcim_iomap_regions"),
            // Every object that is found must be told of.
            (format!("{found}{OBJECT}# kmemleak: scanned\n"), "tells of 1"),
            ("guest: finished\n".into(), "has not scanned"),
        ] {
            let row = judge("g@debug", &klog::lines(log.as_bytes()));
            assert_eq!(row.ok, says.is_empty(), "{log}");
            assert!(row.message.contains(says), "{}", row.message);
        }
    }
}
