// SPDX-License-Identifier: GPL-2.0

//! Checks what the kernel code prints: no address of an object, and no format that comes from outside.

use crate::{common::*, verdict::Row};

/// The name of the row.
pub const NAME: &str = "host::formats";

/// The folders with kernel code of the overlay.
const FOLDERS: &[&str] = &["drivers/pci", "include", "rust", "samples/rust"];

/// Returns one row for all files.
pub fn check(session: &Session) -> Result<Vec<Row>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for file in files(&session.root.join(folder), &["c", "h", "rs"])? {
            let shown = session.show(&file);
            let text = fs::read_to_string(&file).with_context(|| shown.clone())?;
            found.extend(wrong(&text).map(|(line, what)| format!("{shown}:{line}: {what}")));
        }
    }
    Ok(vec![Row::of(NAME, found.join("\n"))])
}

/// Returns the lines that print what they must not.
fn wrong(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let rules = [
        // Allowed are a function's name, and a resource in the form in which the PCI core prints it.
        (regex(r"%p([^sR]|$)"), "an address in a format"),
        (regex(r"\{[^{}]*:#?p\}"), "an address in a format"),
        (regex(r"\b(pr_[a-z]+|printk|panic)\(\s*[^\x22\s)K]"), "a format that is no literal"),
        (
            regex(
                r"\b(dev_(emerg|crit|err|warn|notice|info|dbg)|pci_(err|warn|info|dbg)|seq_printf|kasprintf)\(\s*[^,();]*(\([^()]*\))?[^,();]*,\s*[^\x22\s]",
            ),
            "a format that is no literal",
        ),
        (regex(r"\bsc?nprintf\(\s*[^,]*,[^,]*,\s*[^\x22\s]"), "a format that is no literal"),
    ];
    let mut found = Vec::new();
    for (rule, what) in rules {
        for at in rule.find_iter(text) {
            found.push((text[..at.start()].matches('\n').count() + 1, what));
        }
    }
    found.sort_unstable();
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_foreign_formats_are_found() {
        for (text, found) in [
            ("dev_err(&dev->dev,\n\t\"irq vectors: handler %ps on irq %u\\n\", function, irq);", 0),
            ("seq_printf(m, \"%-14s\\n\", pci_name(dev));", 0),
            ("pr_info!(\"{} vectors\\n\", vectors.len());", 0),
            ("pr_info(\"%pR\\n\", res);", 0),
            ("snprintf(desc, SIZE, \"%s\", name);", 0),
            ("dev_err(&dev->dev, \"%p\\n\", dev);", 1),
            ("dev_err(&dev->dev, \"%px\", dev);", 1),
            ("pr_info!(\"{:p}\\n\", pdev);", 1),
            ("pr_info(name);", 1),
            ("dev_info(&pdev->dev, name);", 1),
            ("seq_printf(m, pci_name(dev));", 1),
            ("snprintf(desc, SIZE, name);", 1),
        ] {
            assert_eq!(wrong(text).count(), found, "{text}");
        }
    }
}
