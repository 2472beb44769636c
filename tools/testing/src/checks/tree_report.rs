// SPDX-License-Identifier: GPL-2.0

//! The result of `make tree-check`, as a table for the terminal and as a page of the documentation.

use crate::{checks::tree::*, kernel::*, reports::rst, verdict::Row};

/// The page of the documentation that is about converted drivers.
pub const PAGE: &str = "Documentation/PCI/irq-vector-conversion.rst";

/// What stands in it between the part that is written here and the one that `make converted` writes.
pub const RUNS: &str = ".. From here on written by make converted.\n";

/// The mark in the page that what follows is written by `make converted DEBUG=1`.
pub const DEBUG_RUNS: &str = ".. From here on written by make converted DEBUG=1.\n";

/// Returns the lines of the table, the first of which is its head.
pub fn lines(files: &[Converted], found: &[Vec<Row>]) -> Vec<Vec<String>> {
    let head = ["driver", "model", "by"].map(String::from).into_iter().chain(TARGETS.iter().map(|target: &Target| target.name()));
    let cells = |(at, file): (usize, &Converted)| {
        let by = file.patch.as_ref().map_or("semantic patch".into(), |(name, _)| format!("{name}.patch"));
        let word = |found: &Vec<Row>| match found[at].result() {
            "failed" => "FAILED".to_string(),
            "skipped" => "n/a".into(),
            _ => "yes".into(),
        };
        [file.file.display().to_string(), file.model().into(), by].into_iter().chain(found.iter().map(word)).collect()
    };
    [head.collect()].into_iter().chain(files.iter().enumerate().map(cells)).collect()
}

/// Returns the page for the documentation, which replaces `old`. The part of `old` that says what has run stays.
pub fn page(prepared: &Prepared, files: &[Converted], lines: &[Vec<String>], old: &str) -> String {
    let managed = files.iter().filter(|f| f.model() == "managed").count();
    let patched = files.iter().filter(|f| f.patch.is_some()).count();
    let patches = files.iter().filter_map(|file| file.patch.as_ref());
    let mut whys: Vec<_> = patches.map(|(name, why)| format!("{name}\n  {why}\n")).collect();
    // A patch may be of several files.
    whys.dedup();
    format!(
        ".. SPDX-License-Identifier: GPL-2.0\n\n\
         =====================================\n\
         PCI Interrupt Vectors: the Conversion\n\
         =====================================\n\n\
         Drivers that relied on pcim_enable_device() to free their interrupt vectors, on\n\
         every path or on some, and drivers that nobody freed for: {managed} files are\n\
         managed now, {} explicit. The semantic patch converts {}, small patches {patched}.\n\
         They are compiled here. The end of this page says how far each comes on the\n\
         software PCI bus, and Documentation/PCI/irq-vector-ownership.rst which run in QEMU.\n\n\
         Written by ``make tree-check``. \"yes\": the object compiles, with warnings as\n\
         errors, and needs nothing that the PCI core does not export. \"on\" and \"off\" is\n\
         CONFIG_PCI_DEVRES_RUST; with \"off\" the calls behave as they always did. \"n/a\":\n\
         not hardware that comes with machines of that architecture.\n\n\
         Linux {}, {}, ``allmodconfig`` with ``tools/testing/configs/tree.config``.\n\n\
         {}\n{}{}{}",
        files.len() - managed,
        files.len() - patched,
        prepared.pristine.version,
        prepared.tools.identity,
        rst::table(lines),
        rst::heading("Why, where a patch was needed", '='),
        whys.join("\n"),
        old.find(RUNS).map_or(String::new(), |at| format!("\n{}", &old[at..])),
    )
}
